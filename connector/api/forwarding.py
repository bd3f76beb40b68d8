"""What proxies say in headers: that they forward a request, and for whom."""

import re
from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_address

from aiohttp import hdrs, web

from connector.model.addresses import Address, Network, is_in, unmapped

LONGEST = 4096
"""Characters that are read of a header, all its lines together."""
MOST = 32
"""Proxies, one behind the other."""
PAIR = re.compile(
    r"""[ \t]*(?:(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+)=(?P<value>[A-Za-z0-9!#$%&'*+.^_`|~:\[\]-]+|"(?:[^"\\]|\\.)*")[ \t]*)?"""
    r"""(?:(?P<end>[;,])|\Z)"""
)
"""Of `Forwarded` (RFC 7239, 4), with the blanks and the bare addresses that some proxies write."""
NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[A-Za-z0-9._-]+)?|([0-9.]+)(?::[A-Za-z0-9._-]+)?|([0-9A-Fa-f:.]+)")
"""An address, with a port or without."""


def is_forwarded(request: web.Request) -> bool:
    """Tell whether a proxy has added a header to the request, and so brings it from somebody else."""
    headers = request.headers
    return hdrs.VIA in headers or "X-Real-IP" in headers or "forwarded" in "\n".join(headers).lower()


def chain_of(request: web.Request, trusted: Collection[Network]) -> Sequence[Address] | None:
    """Return for whom the proxy calls that made the connection: the nearest first, up to the first who is not `trusted`.

    None if no header says it, if it cannot be read, or if two headers differ: a caller may have sent one of them.
    """
    told = [
        _believed(read(text), trusted)
        for header, read in ((hdrs.X_FORWARDED_FOR, _listed), (hdrs.FORWARDED, _paired))
        if (text := ",".join(request.headers.getall(header, ())))
    ]
    return told[0] if told and all(chain == told[0] for chain in told) else None


def _believed(nodes: Iterable[str | None], trusted: Collection[Network]) -> Sequence[Address] | None:
    chain: list[Address] = []
    for node in nodes:
        address = _address(node)
        if address is None or len(chain) == MOST:
            return None
        chain.append(address)
        if not is_in(address, trusted):
            break
    return chain


def _listed(text: str) -> Iterable[str | None]:
    """Return what `X-Forwarded-For` holds, the nearest first."""
    return reversed(text.split(",")) if len(text) <= LONGEST else [None]


def _paired(text: str) -> Iterable[str | None]:
    """Return what `Forwarded` says in each `for`, the nearest first; None if an element has none or cannot be read."""
    if len(text) > LONGEST:
        return [None]
    nodes: list[str | None] = [None]
    start = 0
    while start < len(text):
        pair = PAIR.match(text, start)
        if pair is None:
            return [None]
        if (pair["name"] or "").lower() == "for":
            nodes[-1] = pair["value"].strip('"') if nodes[-1] is None else ""
        if pair["end"] == ",":
            nodes.append(None)
        start = pair.end()
    return reversed(nodes)


def _address(node: str | None) -> Address | None:
    found = NODE.fullmatch((node or "").strip(" \t"))
    try:
        return unmapped(ip_address(found[1] or found[2] or found[3])) if found else None
    except ValueError:
        return None
