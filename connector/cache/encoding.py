"""Typed values as bytes and back."""

from functools import lru_cache
from typing import Any

import msgspec

_encoder = msgspec.msgpack.Encoder()


def packed(value: object) -> bytes:
    """Return the value as bytes. Raises `TypeError`, or what else msgspec raises of a value that it cannot encode."""
    return _encoder.encode(value)


def unpacked(data: bytes, kind: Any) -> Any:
    """Return the value, as an object of the reader's own. Raises `msgspec.DecodeError` if it does not fit `kind`."""
    return _decoder(kind).decode(data)


@lru_cache(maxsize=1024)
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)
