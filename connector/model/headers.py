"""What initialize returns becomes a header of every later call, and not everything can be one: for ours and for any connector."""

import re
from collections.abc import Collection, Iterable, Iterator

HOP_BY_HOP = frozenset(
    [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""Headers that say how a message travels: one that is set twice, or wrongly, breaks the request."""
ADVISED = 6 * 1024
"""Bytes of all headers together: many proxies stop at 8 KiB, and OpsHub sends headers of its own."""
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LINE = re.compile(r"[!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?|")


def is_name(text: str) -> bool:
    """Tell whether this can be a header's name."""
    return NAME.fullmatch(text) is not None


def faults(name: str, value: str, *, forbidden: Collection[str] = HOP_BY_HOP) -> Iterator[str]:
    """Yield what keeps a pair from being a header, neither repeated; `forbidden` are names in lower case."""
    if not is_name(name):
        yield "is no legal header name"
    elif name.lower() in forbidden:
        yield "belongs to the transport"
    if not LINE.fullmatch(value):
        yield "has a value that is not one line of printable Latin-1"


def size_of(pairs: Iterable[tuple[str, str]]) -> int:
    """Return how many bytes the pairs take as headers."""
    return sum(len(f"{name}: {value}\r\n") for name, value in pairs)
