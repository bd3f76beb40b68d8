"""Dot segments of a path, in every spelling that some server may read as one."""

import re
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

MOST_DECODINGS = 8
"""Times that a path may be encoded. Nobody encodes it more often for an honest reason."""
DOT_SEGMENT = re.compile(r"(?:\A|[/\\])[\s\x00-\x1f\x7f]*\.\.?[\s\x00-\x1f\x7f]*(?:[;?#\x00][^/\\]*)?(?:\Z|[/\\])")
"""Some servers drop the blanks around a name, and what follows a semicolon, a question mark or a NUL."""
MISSPELLED = [
    (re.compile(rb"\xc0\xae|\xe0\x80\xae|\xf0\x80\x80\xae|%u002e", re.IGNORECASE), b"."),
    (re.compile(rb"\xc0\xaf|\xe0\x80\xaf|\xf0\x80\x80\xaf|%u002f", re.IGNORECASE), b"/"),
    (re.compile(rb"\xc1\x9c|\xe0\x81\x9c|\xf0\x80\x81\x9c|%u005c", re.IGNORECASE), rb"\\"),
]
"""Overlong UTF-8, or an escape without a standard. Old servers read both."""


def walks(raw_path: str) -> bool:
    """Tell whether a server may find a dot segment in a path, however often it decodes it.

    A path that can be decoded more than `MOST_DECODINGS` times counts as if it held one.
    """
    # The common case: there is no dot, and nothing that could become one.
    if raw_path.isascii() and "." not in raw_path and "%" not in raw_path:
        return False
    octets = raw_path.encode()
    for _ in range(MOST_DECODINGS):
        decoded = _respelled(unquote_to_bytes(octets))
        # Some servers normalise Unicode, in which other characters become dots and slashes.
        if DOT_SEGMENT.search(normalize("NFKC", decoded.decode(errors="replace"))):
            return True
        if decoded == octets:
            return False
        octets = decoded
    return True


def _respelled(octets: bytes) -> bytes:
    # The common case: nothing is encoded, so nothing can be misspelled.
    if octets.isascii() and b"%" not in octets:
        return octets
    for spelling, letter in MISSPELLED:
        octets = spelling.sub(letter, octets)
    return octets
