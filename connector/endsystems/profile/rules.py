"""Judges an answer by the rules of a profile's lists."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from connector.endsystems.http.response import Response
from connector.endsystems.profile.names import HeaderName
from connector.endsystems.profile.patterns import Pattern


class Verdict(StrEnum):
    """What an answer means."""

    SUCCESS = "success"
    ALREADY_OUT = "already_out"
    AWAY = "retry"
    """The end system cannot answer now. `retry` is the name of the list in a profile."""
    REFUSED = "refused"
    DEAD = "dead"
    """The probe proved that the old credential no longer works."""
    ALIVE = "alive"
    """The probe proved that it still does."""
    INCONCLUSIVE = "inconclusive"
    """The probe proved nothing."""


class ProfileTable(BaseModel):
    """A table of a profile: unknown keys are errors, values never show in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


def _pattern(text: object) -> Pattern:
    if not isinstance(text, str) or not text:
        raise ValueError("expected a regular expression")
    return Pattern.of(text)


Regex = Annotated[Pattern, PlainValidator(_pattern)]


class Rule(ProfileTable):
    """One entry of a list: all that it names must fit. A bare number stands for `{ status = number }`."""

    status: Annotated[int, Field(ge=100, le=599)] | None = None
    body: Regex | None = None
    """Matches anywhere in the first 64 KiB."""
    headers: dict[HeaderName, Regex] = Field(default_factory=dict)
    """Each matches in the header of that name. A missing header matches nothing."""
    message: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What the answer means, in words for an administrator."""

    @model_validator(mode="after")
    def _says_something(self) -> "Rule":
        if self.status is None and not self.is_specific:
            raise ValueError("expected a status, a body or headers; this would fit every answer")
        return self

    @property
    def is_specific(self) -> bool:
        """Whether it looks further than the status."""
        return self.body is not None or bool(self.headers)

    def fits(self, answer: Response) -> bool:
        """Tell whether the answer is what this rule describes."""
        return self.status in {None, answer.status} and self.misfit(answer) is None

    def misfit(self, answer: Response) -> str | None:
        """Return the first part besides the status that does not fit; None if all of them do."""
        if self.body is not None and not self.body.is_in(answer.text):
            return "body"
        misfits = (name for name, pattern in self.headers.items() if not _found(pattern, answer.header_values(name)))
        return next((f"headers.{name}" for name in misfits), None)


def _rule(entry: object) -> object:
    if isinstance(entry, int) and not isinstance(entry, bool):
        return {"status": entry}
    if not isinstance(entry, dict):
        raise ValueError("expected a number, such as 200, or a table of status, body, headers, message")  # noqa: TRY004 - pydantic's
    return entry


Rules = list[Annotated[Rule, BeforeValidator(_rule)]]
Lists = Sequence[tuple[Verdict, Rules]]


def _found(pattern: Pattern, values: Sequence[str]) -> bool:
    return any(pattern.is_in(value) for value in values)


def judge(answer: Response, lists: Lists) -> tuple[Verdict, str, str | None] | None:
    """Return the verdict of the first matching rule, the rule's name and its message; None if no rule matches.

    Rules for the body or a header come before bare statuses. Among equals, the order of `lists` decides.
    """
    # Specific rules first: `{ status = 200, body = "error" }` must win over a bare 200.
    for specific in (True, False):
        for verdict, rules in lists:
            for place, rule in enumerate(rules):
                if rule.is_specific is specific and rule.fits(answer):
                    return verdict, f"{verdict}[{place}]", rule.message
    return None
