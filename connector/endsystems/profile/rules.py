"""Judges an answer by the rules of a profile's lists, and takes values out of it."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from connector.endsystems.http.response import Response
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
    headers: dict[str, Regex] = Field(default_factory=dict)
    """Each matches in the header of that name. A missing header matches nothing."""

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
        return (
            self.status in {None, answer.status}
            and (self.body is None or self.body.is_in(answer.text))
            and all(_found(pattern, answer.header_values(name)) for name, pattern in self.headers.items())
        )


def _rule(entry: object) -> object:
    return {"status": entry} if isinstance(entry, int) and not isinstance(entry, bool) else entry


Rules = list[Annotated[Rule, BeforeValidator(_rule)]]
Lists = Sequence[tuple[Verdict, Rules]]


def _found(pattern: Pattern, values: Sequence[str]) -> bool:
    return any(pattern.is_in(value) for value in values)


class Extract(ProfileTable):
    """The place of a value in an answer: exactly one of the four."""

    header: str | None = None
    cookie: str | None = None
    """Name of a cookie that the answer sets."""
    json_path: Annotated[str | None, Field(alias="json")] = None
    """Keys and indexes joined by dots: `errors.0.code`."""
    pattern: Regex | None = None
    """Searched in the body; the value is its one group."""

    @model_validator(mode="after")
    def _is_one(self) -> "Extract":
        given = [value for value in (self.header, self.cookie, self.json_path, self.pattern) if value is not None]
        if len(given) != 1:
            raise ValueError("expected exactly one of header, cookie, json, pattern")
        if self.pattern is not None and self.pattern.groups != 1:
            raise ValueError("expected a pattern with exactly one group")
        return self

    def value(self, answer: Response) -> str | None:
        """Return the value; None if it is not in the answer."""
        if self.header is not None:
            return next(iter(answer.header_values(self.header)), None)
        if self.cookie is not None:
            return _set_cookie(answer, self.cookie)
        if self.json_path is not None:
            return _at(answer.text, self.json_path)
        return self.pattern.group_in(answer.text) if self.pattern else None


def _set_cookie(answer: Response, wanted: str) -> str | None:
    for line in answer.header_values("Set-Cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        if name.strip() == wanted:
            return value.strip()
    return None


def _at(body: str, path: str) -> str | None:
    try:
        value: Any = json.loads(body)
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
    # The body may be anything: an answer that does not fit has no value.
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def judge(answer: Response, lists: Lists) -> tuple[Verdict, str] | None:
    """Return the verdict of the first matching rule, and the rule's name; None if no rule matches.

    Rules for the body or a header come before bare statuses. Among equals, the order of `lists` decides.
    """
    # Specific rules first: `{ status = 200, body = "error" }` must win over a bare 200.
    for specific in (True, False):
        for verdict, rules in lists:
            for place, rule in enumerate(rules):
                if rule.is_specific is specific and rule.fits(answer):
                    return verdict, f"{verdict}[{place}]"
    return None
