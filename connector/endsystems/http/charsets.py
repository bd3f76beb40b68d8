"""Tells in which encoding the text of an answer is written, and reads it."""

import codecs
import re

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
DECLARED = re.compile(
    rb"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([\w.:-]+) | <meta\s[^>]*?\bcharset\s*=\s*["']?([\w.:-]+)""",
    re.IGNORECASE | re.VERBOSE,
)
DECLARED_WITHIN = 1024
"""Bytes at the beginning of a document that may hold its declaration."""
LABELS = re.compile(
    r"""utf-?8 | utf-?16(-?[lb]e)? | (us-)?ascii | latin-?1 | iso-?8859-?\d\d? | (windows-|cp)125\d | koi8-[ru]
    | gb(k|2312|18030) | big5 | euc-(jp|kr) | shift_jis""",
    re.IGNORECASE | re.VERBOSE,
)
"""Encodings that only map bytes to characters. Python has others: some compute, and one unpacks."""


def text_of(body: bytes, content_type: str) -> str:
    """Read a body: by its byte order mark, its `Content-Type`, its own declaration, or else as UTF-8.

    Bytes that the encoding lacks are replaced. An encoding that is not known counts as UTF-8.
    """
    for mark, codec in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, errors="replace")
    named = CHARSET.search(content_type)
    return body.decode(_codec(named[1] if named else _declared(body)), errors="replace")


def _declared(body: bytes) -> str:
    found = DECLARED.search(body[:DECLARED_WITHIN]) if body.startswith(b"<") else None
    return (found[1] or found[2]).decode("ascii", errors="replace") if found else ""


def _codec(label: str) -> str:
    try:
        return codecs.lookup(label).name if LABELS.fullmatch(label) else "utf-8"
    except LookupError:
        return "utf-8"
