"""Addresses that are never connected to, in IPv4, in IPv6, and as an IPv4 address within an IPv6 one."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from connector.model.addresses import Address

LINK_LOCAL_V4 = IPv4Network("169.254.0.0/16")
"""Metadata of most clouds."""
FORBIDDEN_V4 = [LINK_LOCAL_V4, *(IPv4Network(text) for text in ("0.0.0.0/8", "224.0.0.0/3", "192.0.0.0/24"))]
"""Link-local, this network, multicast to broadcast, and protocol assignments (metadata of Oracle)."""
FORBIDDEN_V6 = [IPv6Network(text) for text in ("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128")]
"""Unspecified, link-local, multicast, metadata of AWS and of Google."""
METADATA_V4 = frozenset(IPv4Address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192"))
"""Alibaba's and Azure's, which lie among addresses that are fine, and Oracle's."""
EMBEDDING = [IPv6Network(text) for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")]
"""An IPv4 address in the last 32 bits: compatible (RFC 4291), translated (RFC 2765) and NAT64 (RFC 6052)."""
ISATAP = frozenset([0x0000_5EFE, 0x0200_5EFE])
"""What precedes an IPv4 address in the last 32 bits, whatever the network (RFC 5214)."""
POSITIONS = [(4, 5, 6, 7), (5, 6, 7, 9), (6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15)]
"""The octets of an IPv4 address behind a prefix of 32, 40, 48, 56, 64 and 96 bits (RFC 6052)."""


def is_forbidden(address: Address) -> bool:
    """Whether nothing may ever connect there: no end system lives at such an address. Loopback and private ones are fine."""
    if isinstance(address, IPv4Address):
        return _is_forbidden_v4(address)
    # `::1` lies in `::/96`, where an embedded IPv4 address would be looked for.
    if address.is_loopback:
        return False
    return (
        any(address in network for network in FORBIDDEN_V6)
        or any(map(_is_forbidden_v4, _embedded(address)))
        or any(map(_is_metadata, _perhaps_embedded(address)))
    )


def _is_forbidden_v4(address: IPv4Address) -> bool:
    return address in METADATA_V4 or any(address in network for network in FORBIDDEN_V4)


def _is_metadata(address: IPv4Address) -> bool:
    return address in METADATA_V4 or address in LINK_LOCAL_V4


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that are in it for certain."""
    known = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    yield from (embedded for embedded in known if embedded is not None)
    if any(address in network for network in EMBEDDING) or int(address) >> 32 & 0xFFFF_FFFF in ISATAP:
        yield _octets(address, POSITIONS[-1])


def _perhaps_embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield what a network's own NAT64 may find in it, whose prefix nobody can know here; 64:ff9b:1::/48 is one (RFC 8215)."""
    return (_octets(address, position) for position in POSITIONS)


def _octets(address: IPv6Address, position: tuple[int, ...]) -> IPv4Address:
    return IPv4Address(bytes(address.packed[octet] for octet in position))
