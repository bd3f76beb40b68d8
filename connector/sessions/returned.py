"""What initialize returns becomes a header of every later call: checked, for not everything can be one."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from connector.credential import TRANSPORT_HEADERS
from connector.sessions.seal import HEADER

FORBIDDEN = TRANSPORT_HEADERS | {"proxy-authenticate", "proxy-authorization", "proxy-connection", "http2-settings"}
MOST = 100
"""Headers in all: servers take 100 to 128, and OpsHub sends some of its own."""
ADVISED = 6 * 1024
"""Bytes in all beyond which proxies begin to refuse requests: many stop at 8 KiB, and OpsHub sends headers of its own."""
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
VALUE = re.compile(r"[!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?|")


def problems_of(headers: Mapping[str, str], *, longest: int) -> Iterator[str]:
    """Yield what is wrong with the headers that the end system wants to return; `longest` is the server's own limit of a value.

    No value is repeated, and of a name only what is one.
    """
    spellings = Counter([HEADER.lower(), *(name.lower() for name in headers)])
    if len(headers) >= MOST:
        yield f"{len(headers)} headers: expected less than {MOST}"
    for place, (name, value) in enumerate(headers.items()):
        if not NAME.fullmatch(name):
            yield f"header {place}: its name is none"
            continue
        if name.lower() in FORBIDDEN:
            yield f"{name}: belongs to the transport of one request"
        if spellings[name.lower()] > 1:
            yield f"{name}: is there twice, or is the seal's; case makes no difference"
        if not VALUE.fullmatch(value):
            yield f"{name}: its value is no line of printable Latin-1 without spaces at its ends"
        elif len(value) > longest:
            yield f"{name}: its value is longer than {longest} bytes"


def size_of(headers: Mapping[str, str]) -> int:
    """Return the bytes that the headers take up in a request."""
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
