"""Templates: text with names in braces. What is done to a value stands in `filters`.

{credential.X-Auth}                    a header of OpsHub's request, in any case
{env.CONNECTOR_CLIENT_ID}              an environment variable
{captured.csrf}                        what an earlier step took from its answer
{setting.username}                     what the administrator has set in OpsHub, known at login only
{address.logout}                       an address that the login left behind
{base_url}                             the address of the end system
{random.nonce}                         43 random characters, the same in the whole run for one name
{time.seconds}                         the time, the same in the whole run; also `milliseconds`, `iso`
{null}                                 null, as a value of JSON
{setting.a + ':' + setting.b|base64}   several in one, for a filter
{{ and }}                              a brace
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector.endsystems.profile.filters import Applied, Filter

JOINT = " + "


class Source(StrEnum):
    """The source of a reference's value."""

    CREDENTIAL = "credential"
    ENV = "env"
    CAPTURED = "captured"
    SETTING = "setting"
    ADDRESS = "address"
    BASE_URL = "base_url"
    RANDOM = "random"
    TIME = "time"
    NULL = "null"
    JOINED = "joined"
    """Several references and literals, for one filter."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in braces, and what is done to its value."""

    source: Source
    name: str = ""
    filters: tuple[Applied, ...] = ()
    joined: "tuple[str | Reference, ...]" = ()
    is_optional: bool = False
    """Whether the entry that it stands in is left out if there is no value."""

    @property
    def leaves(self) -> "Sequence[Reference]":
        """The references to a value within it: itself, or those that it joins."""
        if self.source is Source.JOINED:
            return [part for part in self.joined if isinstance(part, Reference)]
        return (self,)

    @property
    def is_cookie(self) -> bool:
        """Whether it is the value of one cookie, as it came."""
        return [applied.filter for applied in self.filters if applied.filter is not Filter.OPTIONAL] == [Filter.COOKIE]

    def __str__(self) -> str:
        name = JOINT.join(map(str, self.leaves)) if self.joined else f"{self.source}.{self.name}" if self.name else self.source
        cookie = next((applied.argument for applied in self.filters if applied.filter is Filter.COOKIE), None)
        return f"cookie {cookie} of {name}" if cookie else name


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and references, in their order."""

    text: str
    """As it was written."""
    parts: tuple[str | Reference, ...]

    @property
    def expressions(self) -> Iterator[Reference]:
        """Everything in braces, in the order of the text."""
        return (part for part in self.parts if isinstance(part, Reference))

    @property
    def references(self) -> Iterator[Reference]:
        """Every reference to a value, in the order of the text."""
        return (leaf for expression in self.expressions for leaf in expression.leaves)

    @property
    def whole(self) -> Reference | None:
        """The reference that it is, without any text beside it."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Reference) else None

    def names(self, source: Source) -> set[str]:
        """The names of this source that it refers to."""
        return {reference.name for reference in self.references if reference.source is source}

    def render(self, value: Callable[[Reference], str]) -> str:
        """Put `value` of each expression in its place; it is the caller's to encode it for that place."""
        return "".join([part if isinstance(part, str) else value(part) for part in self.parts])
