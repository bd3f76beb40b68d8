"""The list of `{key, value, sensitive}` that initialize is sent and that it answers with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import msgspec

from connector.api.http_errors import ApiError, BadRequest
from connector.api.parameters import NO_CONTROLS

MOST = 1000
"""The most settings in one request, and the most problems in one answer."""


class GivenSetting(msgspec.Struct):
    """A setting of a system, as OpsHub sends it."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200, extra_json_schema={"pattern": NO_CONTROLS})]
    value: str | None = None
    sensitive: bool | None = None


FIELDS = msgspec.structs.fields(GivenSetting)
EXPECTED = {"key": "1 to 200 printable characters", "value": "text", "sensitive": "true or false"}
"""What each field of a setting may be, in words."""


class ReturnedHeader(TypedDict):
    """A header that OpsHub sends with every later call of the session."""

    key: str
    value: str
    sensitive: bool


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


def encoded(headers: Mapping[str, str], sensitive: frozenset[str]) -> list[ReturnedHeader]:
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
    wrong = [each.name for each in FIELDS if not _fits(item.get(each.name), each.type)]
    key = item.get("key")
    if "key" not in wrong and isinstance(key, str) and not key.isprintable():
        wrong.insert(0, "key")
    problems = [f"[{place}].{name}: expected {EXPECTED[name]}" for name in wrong]
    return [f"[{place}].key: is there twice", *problems] if "key" not in wrong and key in known else problems


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
