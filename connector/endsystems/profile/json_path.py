"""What a path leads to in JSON: keys and indexes joined by dots, or a JSON Pointer (RFC 6901)."""

import json
import re
from collections.abc import Sequence
from typing import Any

OTHER_LANGUAGE = re.compile(r"^\$\.|[\[\]]")
"""What JSONPath and other languages have. A key that holds it is written as a JSON Pointer."""
AS_WRITTEN = json.JSONDecoder(parse_int=str, parse_float=str)
KINDS = {dict: "an object", list: "a list", bool: "true or false", float: "no number", type(None): "null"}
"""What is neither a text nor a number, in words."""


def checked_path(path: str | None) -> str | None:
    """Return the path. Raises `ValueError` of one that is empty, or is of another language."""
    if path is not None and (not path or (path[0] != "/" and OTHER_LANGUAGE.search(path))):
        raise ValueError("expected keys and indexes joined by dots, such as errors.0.code, or a JSON Pointer, such as /errors/0")
    return path


def in_json(body: str, path: str) -> str | None:
    """Return the text or the number that is there, as it is written; None if there is none, or if the body is not JSON."""
    try:
        value = _parsed(body)
        for key in _keys(path):
            value = _below(value, key)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def why_not_in_json(body: str, path: str) -> str:
    """Return how far the path leads, or what is at its end instead. Raises `ValueError` or `RecursionError` without JSON."""
    value, keys = _parsed(body), _keys(path)
    for place, key in enumerate(keys, start=1):
        try:
            value = _below(value, key)
        except (ValueError, LookupError, TypeError):
            return f"the body has no `{_written(path, keys[:place])}`"
    return f"`{path}` is {KINDS.get(type(value), 'empty')}"


def _parsed(body: str) -> Any:
    return AS_WRITTEN.decode(body)


def _keys(path: str) -> Sequence[str]:
    if path.startswith("/"):
        return [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    return path.split(".")


def _below(value: Any, key: str) -> Any:
    return value[int(key)] if isinstance(value, list) else value[key]


def _written(path: str, keys: Sequence[str]) -> str:
    """Return the beginning of a path that these keys make, as it stands in the profile."""
    is_pointer = path.startswith("/")
    return "/".join(path.split("/")[: len(keys) + 1]) if is_pointer else ".".join(keys)
