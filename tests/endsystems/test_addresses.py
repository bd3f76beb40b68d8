"""An address where no end system lives is found in whatever it is wrapped."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endsystems.http.forbidden_addresses import is_forbidden

METADATA = st.sampled_from(["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"])
LINK_LOCAL = st.integers(0, 0xFFFF).map(lambda host: str(IPv4Address(0xA9FE_0000 | host)))
ELSEWHERE = st.sampled_from(["0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1"])
FINE = st.sampled_from(["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "8.8.8.8"])
OCTET = st.integers(0, 0xFF)


def behind(prefix: str) -> Callable[[IPv4Address], IPv6Address]:
    """An address behind a prefix of 96 bits."""
    return lambda address: IPv6Address(int(IPv6Address(prefix)) | int(address))


WRAPPINGS = {
    "compatible": behind("::"),
    "mapped": behind("::ffff:0:0"),
    "SIIT": behind("::ffff:0:0:0"),
    "NAT64": behind("64:ff9b::"),
    "ISATAP": behind("2001:db8:1:2:0:5efe::"),
    "ISATAP of a global address": behind("2001:db8:1:2:200:5efe::"),
    "6to4": lambda address: IPv6Address(0x2002 << 112 | int(address) << 80 | 1),
    "Teredo's server": lambda address: IPv6Address(0x2001_0000 << 96 | int(address) << 64 | 0xFFFF_FFFF ^ 0x0808_0808),
    "Teredo's client": lambda address: IPv6Address(0x2001_0000 << 96 | 0x0808_0808 << 64 | 0xFFFF_FFFF ^ int(address)),
}


def translated(address: str, prefix: bytes, rest: bytes, bits: int) -> IPv6Address:
    """The address as RFC 6052, 2.2, embeds it behind a prefix of so many bits; `rest` is what follows it."""
    octets, length = [*IPv4Address(address).packed], bits // 8
    head = [*prefix[:length]]
    while octets:
        head.append(0 if len(head) == 8 else octets.pop(0))
    return IPv6Address(bytes([*head, *rest])[:16])


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
@given(METADATA | LINK_LOCAL | ELSEWHERE)
def test_a_forbidden_address_is_found_in_every_known_wrapping(wrap: Callable[[IPv4Address], IPv6Address], address: str) -> None:
    assert is_forbidden(IPv4Address(address))
    assert is_forbidden(wrap(IPv4Address(address)))


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
@given(FINE)
def test_an_address_that_is_fine_stays_fine_in_every_wrapping(wrap: Callable[[IPv4Address], IPv6Address], address: str) -> None:
    assert not is_forbidden(wrap(IPv4Address(address)))


@given(
    METADATA | LINK_LOCAL, st.binary(min_size=12, max_size=12), st.binary(min_size=16), st.sampled_from([32, 40, 48, 56, 64, 96])
)
def test_metadata_is_found_behind_a_nat64_prefix_of_any_length_and_value(
    address: str, prefix: bytes, rest: bytes, bits: int
) -> None:
    assert is_forbidden(translated(address, prefix, rest, bits))


@pytest.mark.parametrize("bits", [48, 56, 64, 96])
@pytest.mark.parametrize("address", ["10.0.0.5", "10.0.0.254", "192.168.1.1", "8.8.8.8"])
def test_an_end_system_behind_a_networks_own_nat64_is_reached(address: str, bits: int) -> None:
    assert not is_forbidden(translated(address, IPv6Address("64:ff9b:1::").packed, bytes(16), bits))


@pytest.mark.parametrize("zone", ["lo", "1", "eth0"])
@pytest.mark.parametrize("address", ["fe80::1", "::ffff:169.254.169.254", "2001:db8::169.254.169.254", "fd00:ec2::254"])
def test_a_zone_hides_nothing(address: str, zone: str) -> None:
    assert is_forbidden(IPv6Address(f"{address}%{zone}"))


@given(st.lists(OCTET, min_size=12, max_size=12).map(bytes))
def test_an_ordinary_address_of_a_network_is_fine(host: bytes) -> None:
    address = IPv6Address(IPv6Address("2001:db8::").packed[:4] + host)
    holds_metadata = any(b"\xa9\xfe" in address.packed[start : start + 4] for start in range(4, 13))
    rare = any(IPv4Address(item).packed in address.packed for item in ("100.100.100.200", "168.63.129.16", "192.0.0.192"))
    assert holds_metadata or rare or not is_forbidden(address)
