"""The parameters of a cleanup, parsed and validated. What is wrong is named, and its value never repeated."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from connector.api.http_errors import ApiError
from connector.model.session_ids import canonical

SESSION, SYSTEM, GLOBAL_CACHE = "sdkSessionId", "systemId", "cleanupGlobalCache"
LONGEST_SYSTEM = 200
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Most of what `str.isprintable` tells, as a pattern that every engine reads: Python's knows no classes of Unicode."""

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_WORDS = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("", "false", "0", "no", "off"), False)

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    SESSION: {"type": "string", "format": "uuid"},
    SYSTEM: {"type": "string", "maxLength": LONGEST_SYSTEM, "pattern": NO_CONTROLS},
    GLOBAL_CACHE: {"type": "string", "enum": [*_WORDS], "default": "false"},
}
"""What each may be, as JSON schemas."""


def session_id(decoded: str) -> str:
    """Return the canonical text of a UUID in any usual spelling: hyphens or none, any case, braces, `urn:uuid:`."""
    id_ = canonical(decoded)
    if id_ is None:
        raise _invalid(SESSION, "a UUID")
    return id_


def system_id(raw_query: str) -> str | None:
    """Return `systemId`, None when absent or empty. Other parameters are ignored.

    The query is taken as an HTML form encodes it: `+` is a space, a plus sign is `%2B`.
    """
    return _system(_known(raw_query))


def system_and_global_cache(raw_query: str) -> tuple[str | None, bool]:
    """Return `systemId`, as `system_id` does, and `cleanupGlobalCache`."""
    given = _known(raw_query)
    system = _system(given)
    global_cache = _WORDS.get(given.get(GLOBAL_CACHE, "").lower())
    if global_cache is None:
        raise _invalid(GLOBAL_CACHE, "true or false")
    if global_cache and system is None:
        message = f"{GLOBAL_CACHE} cannot be true without {SYSTEM}, whose cache it is."
        raise ApiError(HTTPStatus.BAD_REQUEST, "missing_parameter", message)
    return system, global_cache


def _system(given: Mapping[str, str]) -> str | None:
    system = given.get(SYSTEM) or None
    if system is not None and not (len(system) <= LONGEST_SYSTEM and system.isprintable()):
        raise _invalid(SYSTEM, f"1 to {LONGEST_SYSTEM} printable characters")
    return system


def _known(raw_query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, raw_value in _pairs(raw_query):
        if name in given:
            raise ApiError(HTTPStatus.BAD_REQUEST, "repeated_parameter", f"{name} is given more than once.")
        value = _decoded(raw_value)
        if value is None:
            raise _invalid(name, "percent-encoded UTF-8")
        given[name] = value
    return given


def _pairs(raw_query: str) -> Iterator[tuple[str, str]]:
    """Split the query into known names and raw values."""
    for pair in raw_query.split("&"):
        raw_name, _, raw_value = pair.partition("=")
        name = _decoded(raw_name)
        if name in {SYSTEM, GLOBAL_CACHE}:
            yield name, raw_value


def _decoded(raw: str) -> str | None:
    """Decode strictly; None if that fails. The usual functions replace or drop what they cannot decode."""
    if raw.isalnum() and raw.isascii():
        return raw
    if _BAD_ESCAPE.search(raw):
        return None
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode()
    except UnicodeError:
        return None


def _invalid(name: str, expected: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_parameter", f"{name} is not valid: expected {expected}.")
