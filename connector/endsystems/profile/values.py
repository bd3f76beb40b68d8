"""The values that references stand for, in one login or logout."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.endsystems.http.cookies import split
from connector.endsystems.http.response import Response
from connector.endsystems.profile.template import Filter, Reference, Source
from connector.model.credential import Credential

SEPARATORS = re.compile(r"[\s;,=]+")
BLANKS = " \t"
"""Characters that HTTP strips from a header's value."""


class CannotSend(Exception):
    """A request cannot be made of these values, and nothing is sent. The message names places, never a value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, repr=False)
class Values:
    """What is known when a request is made."""

    credential: Credential
    environ: Mapping[str, str]
    base_url: str = ""
    captured: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    cookies: frozenset[str] = frozenset()
    """The names of the captures that are the value of a cookie."""
    answers: Sequence[Response] = ()
    """The successful answers to earlier requests of the same run."""

    def of(self, reference: Reference) -> str:
        """Return the value, never an empty one. Raises `CannotSend`."""
        value = self._filtered(reference, self._plain(reference))
        if not value:
            raise CannotSend("credential_missing", f"{reference} is missing or empty")
        return value

    def after(self, answer: Response, captured: Mapping[str, str], *, cookies: Sequence[str]) -> "Values":
        """Return the values after a successful answer, of which this was captured; `cookies` are those that are a cookie's."""
        return replace(
            self,
            captured={**self.captured, **captured},
            cookies=self.cookies.union(cookies),
            answers=[*self.answers, answer],
        )

    def is_cookie(self, reference: Reference) -> bool:
        """Tell whether this is the value of a cookie as the end system has set it."""
        captured = reference.source is Source.CAPTURED and reference.name in self.cookies
        return captured or reference.filter is Filter.COOKIE

    def secrets(self) -> frozenset[str]:
        """Return every secret, also in the pieces of a header."""
        values = [*self.credential.values(), *self.environ.values(), *self.captured.values(), *self.settings.values()]
        return frozenset(piece for value in values for piece in SEPARATORS.split(value) if piece)

    def _plain(self, reference: Reference) -> str:
        match reference.source:
            case Source.CREDENTIAL:
                return self.credential.get(reference.name, "").strip(BLANKS)
            case Source.ENV:
                return self.environ.get(reference.name, "")
            case Source.CAPTURED:
                return self.captured.get(reference.name, "")
            case Source.SETTING:
                return self.settings.get(reference.name, "")
            case Source.BASE_URL:
                return self.base_url

    def _filtered(self, reference: Reference, value: str) -> str:
        match reference.filter:
            case Filter.TOKEN:
                return _without_scheme(value, reference)
            case Filter.COOKIE:
                return _cookie(value, reference.argument)
            case None:
                return value


def _without_scheme(value: str, reference: Reference) -> str:
    """Drop the first word. A single word is no token: a bare `Bearer` must never be sent as one."""
    scheme, _, token = value.partition(" ")
    if scheme and not token.strip(BLANKS):
        raise CannotSend("credential_malformed", f"{reference} is a single word; expected a scheme word and a token")
    return token.strip(BLANKS)


def _cookie(value: str, wanted: str) -> str:
    return next((content for name, content in split(value) if name == wanted), "")
