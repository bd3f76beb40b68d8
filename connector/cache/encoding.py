"""Typed values as bytes and back. What cannot be cached is refused with its key, and with what to do."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

PLACE = re.compile(r"at `(\$[^`]*)`$")
"""Where in a value something does not fit. The rest of msgspec's text may hold a part of the value."""
SHOWN = 80
"""Characters of a key that an error shows."""
INSTEAD = "cache a dataclass, a msgspec.Struct, an attrs class, or plain lists and dictionaries"


class _NotDecodable(Exception):
    """No value can come back as this type."""


def packed(key: str, value: object) -> bytes:
    """Return the value as bytes. Raises `TypeError` for one that cannot be encoded."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as problem:
        raise TypeError(f"the value of {shown(key)} cannot be cached: {_why(problem)}") from None


def unpacked(data: bytes, kind: Any) -> Any:
    """Return the value, as an object of the reader's own.

    Raises:
        msgspec.DecodeError: it does not fit `kind`.
        TypeError: nothing can, because `kind` is no type that can be cached.
    """
    try:
        return decoder_of(kind).decode(data)
    except _NotDecodable as problem:
        raise TypeError(f"kind={_named(kind)}: {problem}") from None


def all_unpacked(values: Iterable[bytes], kind: Any) -> list[Any]:
    """Return all values, if each fits `kind`; its decoder is looked up once. Raises as `unpacked`."""
    try:
        return [*map(decoder_of(kind).decode, values)]
    except _NotDecodable as problem:
        raise TypeError(f"kind={_named(kind)}: {problem}") from None


def loaded(key: str, data: bytes, kind: Any) -> Any:
    """Return a value that was just loaded. Raises as `unpacked`, and says whose value does not fit."""
    try:
        return unpacked(data, kind)
    except msgspec.ValidationError as misfit:
        place = PLACE.search(str(misfit))
        where = f", at {place[1]}" if place else ""
        text = f"what was loaded for {shown(key)} does not fit kind={_named(kind)}{where}: let the loader return that type"
        raise msgspec.ValidationError(text) from None


def decoder_of(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Return what makes values of this kind. Raises `TypeError` if `kind` is no type that can be cached."""
    try:
        return _decoder(kind)
    except TypeError as problem:
        raise TypeError(f"kind={_named(kind)}: expected a type, such as `list[str]` or a class: {problem}") from None


def shown(key: str) -> str:
    """Return a key as an error or a log line shows it."""
    return ascii(key if len(key) <= SHOWN else f"{key[:SHOWN]}...")


def _refuse(value: object) -> NoReturn:
    raise TypeError(_refused(type(value)))


def _refuse_kind(kind: type[Any], value: object) -> NoReturn:
    del value
    raise _NotDecodable(_refused(kind))


def _refused(kind: type[Any]) -> str:
    if hasattr(kind, "model_dump"):
        return f"{kind.__qualname__} is a pydantic model; cache what its `model_dump()` returns, or {INSTEAD}"
    return f"nothing is known of {kind.__module__}.{kind.__qualname__}; {INSTEAD}"


def _why(problem: Exception) -> str:
    """Say why, without a part of the value."""
    match problem:
        case OverflowError():
            return "an integer in it has more than 64 bits"
        case UnicodeEncodeError():
            return "a text in it holds half of a character"
        case RecursionError():
            return "it holds itself, or is nested too deeply"
    return str(problem)


def _named(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)


_encoder = msgspec.msgpack.Encoder(enc_hook=_refuse)


@lru_cache(maxsize=1024)
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    try:
        return msgspec.msgpack.Decoder(kind, dec_hook=_refuse_kind)
    except TypeError as problem:
        raise TypeError(f"kind={_named(kind)}: expected a type, such as `list[str]` or a class: {problem}") from None
