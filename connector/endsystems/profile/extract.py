"""Takes values out of an answer."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from yarl import URL

from connector.endsystems.http.cookies import Jar
from connector.endsystems.http.response import Response
from connector.endsystems.profile.names import CookieName
from connector.endsystems.profile.rules import ProfileTable, Regex


def _patterns(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Extract(ProfileTable):
    """The place of a value in an answer: exactly one of the five."""

    header: str | None = None
    cookie: str | None = None
    """Name of a cookie that the answer sets."""
    cookies: Annotated[list[CookieName] | None, BeforeValidator(_patterns)] = None
    """Names of cookies that this answer and the earlier ones have set, with `*` for any characters."""
    json_path: Annotated[str | None, Field(alias="json")] = None
    """Keys and indexes joined by dots: `errors.0.code`."""
    pattern: Regex | None = None
    """Searched in the body; the value is its one group."""

    @model_validator(mode="after")
    def _is_one(self) -> "Extract":
        given = [self.header, self.cookie, self.cookies, self.json_path, self.pattern]
        if given.count(None) != len(given) - 1:
            raise ValueError("expected exactly one of header, cookie, cookies, json, pattern")
        if self.pattern is not None and self.pattern.groups != 1:
            raise ValueError("expected a pattern with exactly one group")
        return self

    def value(self, answer: Response, earlier: Sequence[Response] = (), following: Sequence[URL] = ()) -> str | None:
        """Return the value; None if it is not in the answer.

        A cookie depends on the requests that follow, and several cookies also on the answers before this one.
        """
        if self.header is not None:
            return next(iter(answer.header_values(self.header)), None)
        if self.cookie is not None:
            return Jar.of([answer], following).value(self.cookie)
        if self.cookies is not None:
            return Jar.of([*earlier, answer], following).pairs(self.cookies)
        if self.json_path is not None:
            return _at(answer.text, self.json_path)
        return self.pattern.group_in(answer.text) if self.pattern else None


def _at(body: str, path: str) -> str | None:
    try:
        value: Any = json.loads(body)
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
    # The body may be anything: an answer that does not fit has no value.
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
