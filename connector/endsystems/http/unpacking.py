"""Unpacks an answer's body, which some servers and proxies compress although nobody asked for it."""

import re
import zlib
from codecs import getincrementaldecoder
from collections.abc import Sequence

GZIP = b"\x1f\x8b"
WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
WITHOUT_HEADER = -zlib.MAX_WBITS
CODING = re.compile(r"[^\s,]+")
CONTROL = frozenset(map(chr, range(32))) - {*"\t\n\f\r"}
LAYERS = 3
"""Codings of one body, one within the other. More are a trap."""


class CannotUnpack(Exception):
    """The body is packed by a coding that is not known here, or is damaged. The message names the coding."""


def unpacked(body: bytes, content_encodings: Sequence[str], limit: int) -> tuple[bytes, str]:
    """Undo the codings that the values of `Content-Encoding` name.

    Returns at most `limit` bytes, and the coding that breaks off, of which there is what came. What is not packed although its
    header says so is returned as it is: some servers name a character encoding there. Raises `CannotUnpack`.
    """
    codings = [coding.lower() for value in content_encodings for coding in CODING.findall(value)]
    codings = [coding for coding in codings if coding != "identity"]
    if len(codings) > LAYERS:
        raise CannotUnpack(f"{len(codings)} codings, one within the other")
    broken_off = ""
    for coding in reversed(codings if body else []):
        body, is_whole = (body, True) if _is_text(body) else _unpacked(body, coding, limit)
        broken_off = broken_off or ("" if is_whole else coding)
    return body[:limit], broken_off


def _unpacked(body: bytes, coding: str, limit: int) -> tuple[bytes, bool]:
    try:
        match coding:
            case "gzip" | "x-gzip":
                return _members(body, limit) if body.startswith(GZIP) else (body, True)
            case "deflate":
                return _member(body, zlib.MAX_WBITS if _has_zlib_header(body) else WITHOUT_HEADER, limit)[:2]
    except zlib.error:
        raise CannotUnpack(f"damaged {coding}") from None
    raise CannotUnpack(coding)


def _members(body: bytes, limit: int) -> tuple[bytes, bool]:
    """Unpack each member of a gzip, of which there may be several."""
    read, is_whole = b"", True
    while body.startswith(GZIP) and len(read) < limit:
        piece, is_whole, body = _member(body, WITH_GZIP_HEADER, limit - len(read))
        read += piece
    return read, is_whole


def _member(body: bytes, header: int, limit: int) -> tuple[bytes, bool, bytes]:
    """Return what is in it, at most `limit` bytes, whether that reaches to its end or to the limit, and what follows it."""
    member = zlib.decompressobj(header)
    read = member.decompress(body, limit)
    return read, member.eof or len(read) >= limit, member.unused_data


def _is_text(body: bytes) -> bool:
    """Tell whether this is text as it is. What is packed begins with bytes that no text has."""
    try:
        return CONTROL.isdisjoint(getincrementaldecoder("utf-8")().decode(body))  # which may be cut in a character
    except UnicodeDecodeError:
        return False


def _has_zlib_header(body: bytes) -> bool:
    """Tell apart the two formats that servers call deflate (RFC 1950, 2.2)."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
