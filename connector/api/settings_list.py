"""The list of `{key, value, sensitive}` that initialize is sent and that it answers with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connector.api.http_errors import ApiError, BadRequest

MOST = 1000
"""The most settings in one request, and the most problems in one answer."""


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What an administrator has set for a system in OpsHub."""

    values: Mapping[str, str] = field(repr=False)
    sensitive: frozenset[str]
    """Names of those that are secret."""


def decoded(body: bytes) -> SystemSettings:
    """Read the body of an initialize; an empty one is an empty list.

    Raises:
        ApiError: 400 with everything that is wrong with it, no value repeated.
    """
    items = _json(body or b"[]")
    if not isinstance(items, list) or len(items) > MOST:
        raise invalid_settings(
            [f"the body is not valid: expected a list of at most {MOST} objects with key, value and sensitive"]
        )
    values: dict[str, str] = {}
    sensitive, problems = set(), []
    for place, item in enumerate(items):
        found = _problems(item, place, values)
        problems += found
        if not found:
            values[item["key"]] = item.get("value") or ""
            sensitive |= {item["key"]} if item.get("sensitive") else set()
    if problems:
        raise invalid_settings(problems)
    return SystemSettings(values, frozenset(sensitive))


def encoded(headers: Mapping[str, str], sensitive: frozenset[str]) -> list[dict[str, Any]]:
    """Return the list that OpsHub sends back as headers; `sensitive` names those that are secret, in any case."""
    secret = {name.lower() for name in sensitive}
    return [{"key": name, "value": value, "sensitive": name.lower() in secret} for name, value in headers.items()]


def invalid_settings(problems: list[str]) -> ApiError:
    """Return the answer to settings that are not valid, for the administrator who made them."""
    message = "; ".join(problems[:MOST])
    return BadRequest(message, code="invalid_settings", detail={"problems": problems[:MOST]})


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: no JSON, or no UTF-8
        raise invalid_settings(["the body is not JSON"]) from None


def _problems(item: Any, place: int, known: Mapping[str, str]) -> list[str]:
    if not isinstance(item, dict):
        return [f"[{place}]: expected an object with key, value and sensitive"]
    key = item.get("key")
    problems = []
    if not isinstance(key, str) or not key or len(key) > 200 or not key.isprintable():
        problems.append(f"[{place}].key: expected 1 to 200 printable characters")
    elif key in known:
        problems.append(f"[{place}].key: is there twice")
    if not isinstance(item.get("value"), str | None):
        problems.append(f"[{place}].value: expected text")
    if not isinstance(item.get("sensitive"), bool | None):
        problems.append(f"[{place}].sensitive: expected true or false")
    return problems
