"""The client for an author's own requests: it carries the login, and only to where the end system is."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import ResolveResult
from yarl import URL

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.end_system import SessionLogin
from connector.endsystems.http.authorised import TargetNotAllowed
from connector.endsystems.http.guard import ForbiddenAddress, url_prefix
from connector.endsystems.http.guarded_client import GuardedClient
from connector.endsystems.http.resolver import Resolver
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.errors import LoginNotCarried
from tests.doubles import ScriptedEndSystem
from tests.endsystems.faulty import FaultySystem, faulty_system
from tests.endsystems.opened import LOGOUT, login, opened

PROFILE = (
    LOGOUT.format(path="204")
    + """
[http]
headers = { Authorization = "{credential.Authorization}" }
cookies = { SID = "{credential.Cookie|cookie:SID}" }
"""
)
SESSION = login(Authorization="Bearer t0ken-canary", Cookie="SID=s3ssion-canary; other=1")


@asynccontextmanager
async def carrying(session: SessionLogin = SESSION) -> AsyncIterator[tuple[aiohttp.ClientSession, FaultySystem, HttpEndSystem]]:
    """A client that carries a login to the part of a server below `/status`, and what it belongs to."""
    async with faulty_system() as system:
        keys = {"base_url": f"{system.url}/status", "allowed_urls": [f"{system.url}/status"]}
        async with opened(PROFILE, **keys) as end_system, end_system.client(session) as http:
            yield http, system, end_system


async def test_each_request_carries_of_the_credential_only_what_the_profile_says() -> None:
    async with carrying() as (http, system, _):
        async with http.get("200"), http.get(f"{system.url}/status/204"):
            pass
        assert [request.target for request in system.received] == ["/status/200", "/status/204"]
        for request in system.received:
            assert request.header("authorization") == b"Bearer t0ken-canary"
            assert request.header("cookie") == b"SID=s3ssion-canary"


async def test_the_login_takes_the_place_of_a_header_of_the_same_name() -> None:
    async with carrying() as (http, system, _):
        async with http.get("200", headers={"Authorization": "Bearer other"}):
            pass
        assert [value for name, value in system.received[0].headers if name == "authorization"] == [b"Bearer t0ken-canary"]


@pytest.mark.parametrize("path", ["/elsewhere", "/status/%2e%2e/fine", "/statuses"])
async def test_a_url_outside_what_is_allowed_is_not_sent_to(path: str) -> None:
    async with carrying() as (http, system, _):
        with pytest.raises(TargetNotAllowed) as refused:
            await http.get(URL(system.url + path, encoded=True))
        assert not system.connections
        assert "canary" not in str(refused.value)


async def test_middlewares_of_one_request_come_behind_the_guards_of_all() -> None:
    async def own(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["X-Own"] = "1"
        return await handler(request)

    async with carrying() as (http, system, _), faulty_system() as other:
        with pytest.raises(TargetNotAllowed):
            await http.get(other.url, middlewares=[own])
        async with http.get("200", middlewares=[own]):
            pass
        sent = [(request.header("authorization"), request.header("x-own")) for request in system.received]
        assert (sent, other.connections) == ([(b"Bearer t0ken-canary", b"1")], 0)


async def test_another_host_never_hears_of_the_login_not_even_by_a_redirect() -> None:
    async with carrying() as (http, system, _), faulty_system() as other:
        for request in (other.url, f"{system.url}/status/307?location={other.url}/status/200"):
            with pytest.raises(TargetNotAllowed):
                await http.post(request, data=b"canary")
        assert (len(system.received), other.connections) == (1, 0)


async def test_a_redirect_within_what_is_allowed_is_followed_with_the_login() -> None:
    async with carrying() as (http, system, _):
        async with http.get(f"302?location={system.url}/status/200") as answer:
            assert answer.status == 200
        assert [request.header("authorization") for request in system.received] == [b"Bearer t0ken-canary"] * 2


async def test_cookies_of_an_answer_are_not_kept() -> None:
    async with carrying() as (http, system, _):
        async with http.get("200?set-cookie=SID%3Devil"), http.get("200"):
            pass
        assert system.received[1].header("cookie") == b"SID=s3ssion-canary"


async def test_a_forbidden_address_is_never_connected_to_whatever_was_checked_before() -> None:
    class Changed(Resolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AddressFamily.AF_INET
        ) -> list[ResolveResult]:
            return await super().resolve("169.254.169.254", port, family)

    allowed, tls = [url_prefix("http://desk.example.com:1/")], ssl.create_default_context()
    async with GuardedClient(EndSystemDeadlines(), tls, None, allowed=allowed, resolver=Changed()).http() as http:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await http.get("http://desk.example.com:1/")
    assert isinstance(refused.value.os_error, ForbiddenAddress)


async def test_a_client_is_closed_with_its_context() -> None:
    async with carrying() as (http, _, end_system):
        async with end_system.client(SESSION) as another:
            assert not another.closed
        assert another.closed
        assert not http.closed


async def test_a_credential_that_lacks_what_the_profile_needs_makes_no_client() -> None:
    async with carrying() as (_, _, end_system):
        with pytest.raises(LoginNotCarried, match=r"cookie SID of credential\.Cookie is missing"):
            end_system.client(login(Authorization="Bearer t"))


async def test_an_end_system_that_does_not_say_how_a_login_is_carried_makes_no_client() -> None:
    async with opened(LOGOUT.format(path="logout"), base_url="https://h") as end_system:
        with pytest.raises(LoginNotCarried, match=r"profile\.http: is missing"):
            end_system.client(SESSION)
    with pytest.raises(LoginNotCarried, match="ScriptedEndSystem makes no clients"):
        ScriptedEndSystem().client(SESSION)
