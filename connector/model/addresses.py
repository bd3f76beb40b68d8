"""Names and addresses of hosts as they are written, and which of them are this machine's own."""

import re
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

HOST = re.compile(
    r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{0,5})?"
    r"|([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?)\.?(?::[0-9]{0,5})?"
    r"|([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)"
)
"""As in a `Host` header, with a port or without; an IPv6 address also without its brackets."""


def literal(host: str) -> Address | None:
    """Return the address that a host is, in whatever spelling: `169.254.169.254`, `0xa9.254.43518`, `2852039166`."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    # The C library takes more spellings than Python, and so does whoever connects: all of them have to be recognised.
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def unmapped(address: Address) -> Address:
    """Return the IPv4 address within a mapped IPv6 one, and any other as it is.

    A socket for both families shows IPv4 clients as `::ffff:192.0.2.7`.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def canonical_host(host: str) -> str:
    """Return the one spelling of a name or an address, without the port; empty if it is neither."""
    found = HOST.fullmatch(host)
    if found is None:
        return ""
    # Host names and IPv6 digits have no case. Without one spelling, equal hosts would differ.
    name = (found[1] or found[2] or found[3]).lower()
    address = literal(name)
    return name if address is None else str(unmapped(address))


def is_plain_url(text: str) -> bool:
    """Tell whether this is the URL of a place on the web, with no user and no password in it."""
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and "@" not in url.netloc and url.port != 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a host; of all names, only `localhost` counts."""
    try:
        # Only literals count: another name may resolve to loopback now, and elsewhere later.
        return unmapped(ip_address(host)).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_in(address: Address | None, networks: Collection[Network]) -> bool:
    """Tell whether an address lies in one of the networks; an unknown one lies in none."""
    return address is not None and any(address in network for network in networks)
