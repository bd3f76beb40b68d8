"""Unpacks an answer's body, which some servers and proxies compress although nobody asked for it."""

import re
import zlib
from collections.abc import Sequence

GZIP = b"\x1f\x8b"
WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
WITHOUT_HEADER = -zlib.MAX_WBITS
CODING = re.compile(r"[^\s,]+")
LAYERS = 3
"""Codings of one body, one within the other. More are a trap."""


class CannotUnpack(Exception):
    """The body is packed by a coding that is not known here, or is damaged. The message names the coding."""


def unpacked(body: bytes, content_encodings: Sequence[str], limit: int) -> bytes:
    """Undo the codings that the values of `Content-Encoding` name, and return at most `limit` bytes.

    A body that breaks off gives what is there of it. One that is not packed although its header says so is returned as it is.
    Raises `CannotUnpack`.
    """
    codings = [coding.lower() for value in content_encodings for coding in CODING.findall(value)]
    codings = [coding for coding in codings if coding != "identity"]
    if len(codings) > LAYERS:
        raise CannotUnpack(f"{len(codings)} codings, one within the other")
    for coding in reversed(codings if body else []):
        body = _unpacked(body, coding, limit)
    return body[:limit]


def _unpacked(body: bytes, coding: str, limit: int) -> bytes:
    try:
        match coding:
            case "gzip" | "x-gzip":
                return _members(body, limit) if body.startswith(GZIP) else body
            case "deflate":
                return zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(body) else WITHOUT_HEADER).decompress(body, limit)
    except zlib.error:
        raise CannotUnpack(f"damaged {coding}") from None
    raise CannotUnpack(coding)


def _members(body: bytes, limit: int) -> bytes:
    """Unpack each member of a gzip, of which there may be several."""
    read = b""
    while body.startswith(GZIP) and len(read) < limit:
        member = zlib.decompressobj(WITH_GZIP_HEADER)
        read += member.decompress(body, limit - len(read))
        body = member.unused_data
    return read


def _has_zlib_header(body: bytes) -> bool:
    """Tell apart the two formats that servers call deflate (RFC 1950, 2.2)."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
