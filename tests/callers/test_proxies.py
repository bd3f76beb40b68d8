"""Who calls, where a proxy stands between."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from connector.api.forwarding import MOST, chain_of, is_forwarded
from connector.model.addresses import is_in
from tests.callers.sent import CLEANUP, sent
from tests.config.reading import problems
from tests.sessions.served import served

HERE = "Host: localhost"
TRUSTED = 'server.trusted_proxies = ["127.0.0.1", "10.1.0.0/16"]'
ONLY_OFFICE = 'server.allowed_callers = ["192.0.2.0/24", "2001:db8::/32"]'
FORWARDED = [
    "Forwarded: for=192.0.2.7",
    "Forwarded: for=127.0.0.1",
    "forwarded:",
    "Via: 1.1 proxy",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-For: 127.0.0.1",
    "X-FORWARDED-FOR: nonsense",
    "x-forwarded-proto: https",
    "X-Forwarded-Whatever: x",
    "X-Real-IP: 192.0.2.7",
]
BEYOND, HERE_ITSELF = 404, 200
TOLD = [
    ("X-Forwarded-For: 127.0.0.1", HERE_ITSELF),
    ("X-Forwarded-For: ::1", HERE_ITSELF),
    ("X-Forwarded-For: 127.0.0.9", HERE_ITSELF),
    ('Forwarded: for="[::1]:4711";proto=http', HERE_ITSELF),
    ("X-Forwarded-For: 192.0.2.7, 127.0.0.1", BEYOND),
    ("X-Forwarded-For: 127.0.0.1, 192.0.2.7", BEYOND),
    ("X-Forwarded-For: 127.0.0.1, 10.1.2.3", BEYOND),
    ("X-Forwarded-For: 192.0.2.7", BEYOND),
    ("X-Forwarded-For:", BEYOND),
    ("X-Forwarded-For: localhost", BEYOND),
    ("X-Forwarded-For: 127.1", BEYOND),
    ("X-Forwarded-For: " + "127.0.0.1," * 40 + "127.0.0.1", BEYOND),
    ("Forwarded: for=unknown", BEYOND),
    ("Forwarded: proto=https", BEYOND),
    ("Forwarded: for=127.0.0.1;for=127.0.0.1", BEYOND),
    ('Forwarded: for="127.0.0.1', BEYOND),
    ("X-Forwarded-Proto: https", BEYOND),
    ("Via: 1.1 proxy", BEYOND),
]
CALLERS = [
    ("X-Forwarded-For: 192.0.2.7", True),
    ("X-Forwarded-For: 192.0.2.7:4711", True),
    ("X-Forwarded-For: ::ffff:192.0.2.7", True),
    ("X-Forwarded-For: [2001:db8::7]:443", True),
    ("X-Forwarded-For: 2001:db8::7", True),
    ("X-Forwarded-For: 192.0.2.7, 10.1.2.3, 127.0.0.1", True),
    ("X-Forwarded-For: evil, 203.0.113.1, 192.0.2.7", True),
    ("Forwarded: for=192.0.2.7", True),
    ('Forwarded: For="[2001:db8::7]"; proto=https , for="10.1.2.3:80";by=203.0.113.43', True),
    ("X-Forwarded-For: 203.0.113.9", False),
    ("X-Forwarded-For: 192.0.2.7, 203.0.113.9", False),
    ("X-Forwarded-For: 192.0.2.7, nonsense", False),
    ("X-Forwarded-For: 192.0.2.7, 10.1.2.3, ", False),
    ("Forwarded: for=192.0.2.7, for=203.0.113.9", False),
    ("Forwarded: for=192.0.2.7, proto=https", False),
    ("Forwarded: for=192.0.2.7, for=_hidden", False),
    ('Forwarded: for="a, for=192.0.2.7', False),
    ("Forwarded: 192.0.2.7", False),
    ("X-Forwarded-Proto: https", False),
]


@pytest.mark.parametrize("header", FORWARDED)
async def test_what_comes_through_a_proxy_on_this_machine_needs_a_seal(tmp_path: Path, header: str) -> None:
    async with served(tmp_path) as server:
        assert (await sent(server.url, CLEANUP, HERE, method="POST")).status == 200
        answer = await sent(server.url, CLEANUP, HERE, header, method="POST")

    assert (answer.status, answer.body["errors"]["code"]) == (404, "unknown_session")


async def test_a_proxy_that_is_not_trusted_is_itself_the_caller(tmp_path: Path) -> None:
    async with served(tmp_path, ONLY_OFFICE) as server:
        assert (await sent(server.url, "/discover", HERE, "X-Forwarded-For: 192.0.2.7")).refused
    async with served(tmp_path, 'server.allowed_callers = ["127.0.0.1"]') as server:
        assert (await sent(server.url, "/discover", HERE, "X-Forwarded-For: 192.0.2.7")).status == 200


@pytest.mark.parametrize(("header", "status"), TOLD)
async def test_only_who_calls_from_this_machine_through_a_trusted_proxy_needs_no_seal(
    tmp_path: Path, header: str, status: int
) -> None:
    async with served(tmp_path, TRUSTED) as server:
        assert (await sent(server.url, CLEANUP, HERE, header, method="POST")).status == status


@pytest.mark.parametrize(("header", "may_call"), CALLERS)
async def test_whom_a_trusted_proxy_names_has_to_be_allowed(tmp_path: Path, header: str, may_call: bool) -> None:
    async with served(tmp_path, f"{TRUSTED}\n{ONLY_OFFICE}") as server:
        assert (await sent(server.url, "/discover", HERE, header)).refused is not may_call


async def test_the_lines_of_a_header_are_one_list_in_their_order(tmp_path: Path) -> None:
    async with served(tmp_path, f"{TRUSTED}\n{ONLY_OFFICE}") as server:
        near, far = "X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 203.0.113.9"
        assert (await sent(server.url, "/discover", HERE, far, near)).status == 200
        assert (await sent(server.url, "/discover", HERE, near, far)).refused


async def test_two_headers_that_name_two_callers_name_none(tmp_path: Path) -> None:
    async with served(tmp_path, f"{TRUSTED}\n{ONLY_OFFICE}") as server:
        told = "X-Forwarded-For: 192.0.2.7"
        assert (await sent(server.url, "/discover", HERE, told, "Forwarded: for=192.0.2.7")).status == 200
        assert (await sent(server.url, "/discover", HERE, told, "Forwarded: for=192.0.2.8")).refused


async def test_a_trusted_proxy_that_calls_for_itself_is_the_caller(tmp_path: Path) -> None:
    async with served(tmp_path, f'{TRUSTED}\nserver.allowed_callers = ["127.0.0.1"]') as server:
        assert (await sent(server.url, "/health/ready", HERE)).status == 200
        assert (await sent(server.url, "/health/ready", HERE, "X-Forwarded-For: 192.0.2.7")).refused


@pytest.mark.parametrize("networks", ['["0.0.0.0/0"]', '["10.0.0.1", "::/0"]'])
def test_not_everybody_is_a_trusted_proxy(tmp_path: Path, networks: str) -> None:
    [problem] = problems(tmp_path, f"server.trusted_proxies = {networks}")
    assert problem.startswith("server.trusted_proxies: expected the proxies alone")


PROXIES = [ip_network("10.1.0.0/16")]
ADDRESSES = st.ip_addresses().filter(lambda address: not is_in(address, PROXIES))
JUNK = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60)


def chain(*headers: tuple[str, str]) -> Sequence[object] | None:
    request = make_mocked_request("GET", "/", CIMultiDict(headers))
    assert is_forwarded(request)
    return chain_of(request, PROXIES)


@given(JUNK, ADDRESSES, st.integers(0, MOST - 2))
def test_whatever_a_caller_sends_the_proxies_are_believed(junk: str, caller: object, proxies: int) -> None:
    hops = [str(caller), *["10.1.2.3"] * proxies]
    found = chain((hdrs.X_FORWARDED_FOR, ", ".join([junk, *hops])))

    mapped = getattr(caller, "ipv4_mapped", None)
    assert found is not None
    assert found[-1] == (mapped or caller)
    assert len(found) == len(hops)


@given(JUNK, ADDRESSES)
def test_whatever_a_caller_sends_in_forwarded_names_him_or_nobody(junk: str, caller: object) -> None:
    mapped = getattr(caller, "ipv4_mapped", None)
    told = f'for="[{caller}]"' if ":" in str(caller) else f"for={caller}"
    assert chain((hdrs.FORWARDED, f"{junk}, {told}")) in (None, [mapped or caller])


@given(st.sampled_from([hdrs.FORWARDED, hdrs.X_FORWARDED_FOR]), st.text(st.characters(codec="latin-1"), max_size=5000))
def test_any_text_names_callers_or_nobody(header: str, text: str) -> None:
    found = chain((header, text))
    assert found is None or all(ip_address(str(address)) for address in found)
