"""Headers: which belong to one request, and which names and values initialize may return."""

import re
from collections.abc import Collection, Iterable, Iterator

FRAMING = frozenset(["connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"])
"""Headers by which a client and a server agree where a message ends and how it travels."""
SET_BY_CLIENT = FRAMING | {"accept-encoding"}
"""Headers that our HTTP client sets itself, so that a profile must not."""
NOT_RETURNABLE = FRAMING | {"content-encoding", "content-type", "keep-alive", "proxy-connection"}
"""Headers that no initialize may return: one that is sent twice, or does not fit its request, breaks that request."""
TRANSPORT_HEADERS = (NOT_RETURNABLE - {"proxy-connection"}) | {
    *("accept", "accept-encoding", "accept-language", "date", "user-agent"),
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("traceparent", "tracestate", "x-request-id"),
}
"""Headers that belong to one request, not to its session: two requests of one session may differ in them."""
SEAL = "X-Connector-Session"
"""By this header a caller owns a session."""
NEVER_RETURNED = NOT_RETURNABLE | TRANSPORT_HEADERS | {"proxy-authenticate", "proxy-authorization", "http2-settings"}
"""Headers that a profile's initialize never returns: also those that a proxy may set anew for each request."""
ADVISED = 6 * 1024
"""Bytes of all returned headers. Many proxies stop at 8 KiB, and OpsHub sends headers of its own."""
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Latin-1 without control characters, because that is what every HTTP library passes on unchanged.
LINE = re.compile(r"[!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?|")


def is_name(text: str) -> bool:
    """Tell whether this can be a header's name."""
    return NAME.fullmatch(text) is not None


def faults(name: str, value: str, *, forbidden: Collection[str] = NOT_RETURNABLE) -> Iterator[str]:
    """Yield what keeps a pair from being a header. Neither is repeated; `forbidden` are names in lower case."""
    if not is_name(name):
        yield "is no legal header name"
    # Such a header would contradict what the HTTP library itself writes.
    elif name.lower() in forbidden:
        yield "belongs to the transport"
    # A line break in a value would begin a header of its own: request splitting.
    if not LINE.fullmatch(value):
        yield "has a value that is not one line of printable Latin-1"


def size_of(pairs: Iterable[tuple[str, str]]) -> int:
    """Return how many bytes the pairs take as headers."""
    return sum(len(f"{name}: {value}\r\n") for name, value in pairs)
