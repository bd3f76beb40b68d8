"""Where a request may go."""

import asyncio
import socket
import ssl
from ipaddress import ip_address

import pytest
from yarl import URL

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.http.failures import ExchangeFailed
from connector.endsystems.http.forbidden_addresses import is_forbidden
from connector.endsystems.http.guard import ForbiddenAddress, checked_url, guarded_socket, url_prefix
from connector.endsystems.http.guarded_client import GuardedClient
from connector.endsystems.profile.outgoing import Outgoing

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
]
OTHERS = [
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%lo",
    "ff02::1",
]
EMBEDDED = [
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::ffff:0:0.0.0.0",
    "2001:db8:a9fe:a9fe::",
    "2001:db8:1a9:fea9:fe::",
    "2001:db8:1:2:a9:fea9:fe00:0",
    "2001:db8:1:2:0:5efe:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
]
FINE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "8.8.8.8",
    "::1",
    "fd12::1",
    "2606:4700::1111",
    "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b:1::10.0.0.1",
]


@pytest.mark.parametrize("text", METADATA + OTHERS + EMBEDDED)
def test_an_address_where_no_end_system_lives_is_never_connected_to(text: str) -> None:
    assert is_forbidden(ip_address(text))
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with pytest.raises(ForbiddenAddress):
        guarded_socket((family, socket.SOCK_STREAM, 0, "", (text, 80)))


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0", "0xa9fea9fe"])
async def test_the_connection_itself_is_refused_whatever_was_checked_before(host: str) -> None:
    client = GuardedClient(EndSystemDeadlines(), ssl.create_default_context(), None)
    await client.open()
    outgoing = Outgoing("GET", URL(f"http://{host}:1/", encoded=True), [], None)
    with pytest.raises(ExchangeFailed) as refused:
        await client.exchange(outgoing, until=asyncio.get_running_loop().time() + 5)
    await client.aclose()
    assert (refused.value.code, refused.value.passing) == ("target_not_allowed", False)


@pytest.mark.parametrize("text", FINE)
def test_loopback_private_and_public_addresses_are_fine(text: str) -> None:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    guarded_socket((family, socket.SOCK_STREAM, 0, "", (text, 80))).close()


@pytest.mark.parametrize(
    "host",
    [
        *(f"[{text}]" if ":" in text else text for text in METADATA),
        "2852039166",
        "0xA9FEA9FE",
        "0xa9.254.43518",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "0",
        "0x0",
        "[::ffff:a9fe:a9fe]",
        "[::]",
        "[2002:a9fe:a9fe::]",
    ],
)
def test_such_an_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(ValueError, match="expected no link-local, metadata"):
        checked_url(f"http://{host}:80/latest")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "/x", "//h/x", "http://", "http:///x", "ftp://h/", "file:///etc/passwd", "http://h:99999/", "http://h:0/", "http://[::1/",
        "http://u@h/", "http://u:p@h/", "http://@h/", "http://h%2f/", "http://h%00/", "http://h/#", "http://h/a b", "http://h\\@g/",
        "http://h/a\\b", "http://h/\n", "http://é/", "http://h/..", "http://h/./", "http://h/a/%2E%2e", "http://h/a/..%2f", "http://h/..;x/",
        "http://h/%2e", "http://h/a%5c..%5cb", "http://[fe80::1%25lo]/", "http://h,g/",
    ],
)  # fmt: skip
def test_a_url_that_one_could_read_in_two_ways_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        checked_url(text)
    assert len(text) <= len("http://") or text not in str(refused.value)


@pytest.mark.parametrize(
    ("prefix", "url", "covered"),
    [
        ("https://h", "https://h/", True),
        ("https://h", "https://h/a?b=../c", True),
        ("https://h/", "https://H/a", True),
        ("https://h:443/", "https://h/a", True),
        ("https://h/a", "https://h/a", True),
        ("https://h/a", "https://h/a/", True),
        ("https://h/a/", "https://h/a", True),
        ("https://h/a", "https://h/a/b", True),
        ("https://h/a", "https://h/ab", False),
        ("https://h/a", "https://h/A", False),
        ("https://h/a", "https://h/", False),
        ("https://h", "http://h/", False),
        ("https://h", "https://h:8443/", False),
        ("https://h", "https://h.evil.example/", False),
        ("https://h", "https://g.h/", False),
        ("http://[::1]:80", "http://[::1]/x", True),
    ],
)
def test_a_prefix_covers_what_lies_within_it_on_the_boundary_of_a_segment(prefix: str, url: str, covered: bool) -> None:
    assert url_prefix(prefix).covers(checked_url(url)) is covered


@pytest.mark.parametrize("text", ["https://h/?", "https://h/?a=b"])
def test_a_prefix_has_no_query(text: str) -> None:
    with pytest.raises(ValueError, match="without a query"):
        url_prefix(text)
