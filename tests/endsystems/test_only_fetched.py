"""A request of an author's login that only fetches something makes none, however it fails; one that tells who asks may."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from connector.config import settings as config
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome
from connector.endsystems.escaped import logged_in
from connector.model.outcomes import LoginResult
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import SESSION
from tests.endsystems.test_perhaps_made import BASIC, SOON, InSteps
from tests.ports import HOST, free_port

TO_NOWHERE, ROUND = [Canned(302, headers=[("Location", "data:")])], [Canned(302, headers=[("Location", "/fine")])] * 20
TO_THE_GATEWAY = [Canned(302, headers=[("Location", "/status/502")])]
NOT_JSON = [Canned(200, "<html>", [("Content-Type", "application/json")])]
FORM, LOGO = Canned(200, headers=[("Set-Cookie", "form=1; Path=/")]), Canned(200)


PATIENCE = 0.5
"""Seconds that a class waits for an answer by a timeout of its own."""


class Reading(InSteps):
    """Reads one answer as JSON, at the deadlines of a handler."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with (
            self.guarded.http(headers=self.headers(settings)) as http,
            http.request(settings["method"], settings["path"], data=settings.get("body")) as answer,
        ):
            await answer.json()
        raise AssertionError("it succeeded")


class Persistent(InSteps):
    """Goes on after a request that has failed, as one that tries again, and lets only the last error escape."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(for_login=True) as http:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(PATIENCE), http.request(settings["method"], settings["path"]) as answer:
                    assert answer.status >= 400
            async with http.get("status/401") as answer:
                await answer.read()
        raise AssertionError("the last one succeeded")


class ByForm(InSteps):
    """Fetches a form and its logo with the cookie of the page, and sends the form."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        cookies = {"known": "secret"} if "known" in settings else {}
        async with self.guarded.http(for_login=True) as http:
            for method, path in (("GET", "login"), ("GET", "logo"), ("POST", "login")):
                async with http.request(method, path, cookies=cookies) as answer:
                    cookies |= {name: found.value for name, found in answer.cookies.items()}
                    await answer.read()
        raise AssertionError("the last one succeeded")


class AtOnce(InSteps):
    """Fetches something while what logs in is under way."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(for_login=True) as http:
            await asyncio.gather(self.sent(http, "POST", "hang"), self.sent(http, "GET", "fine"))
        raise AssertionError("they succeeded")

    async def sent(self, http: aiohttp.ClientSession, method: str, path: str) -> None:
        async with http.request(method, path, timeout=aiohttp.ClientTimeout(sock_read=0.1)) as answer:
            await answer.read()


class Signing(InSteps):
    """Fetches what a request is signed with once that is under way."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(self.sign, for_login=True) as http, http.request(settings["method"], "before") as answer:
            await answer.read()
        raise AssertionError("it succeeded")

    async def sign(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.name == "before":
            async with request.session.get("fine") as answer:
                request.headers["X-Signature"] = str(answer.status)
        return await handler(request)


class BesideTheGuards(InSteps):
    """Logs in with a client of its own, which nobody watches."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with aiohttp.ClientSession() as http, http.get(f"{self.guarded.base_url}/before") as answer:
            await answer.read()
        raise AssertionError("it succeeded")


async def may_be_made(kind: type[EndSystem], url: str, told: Mapping[str, str], **keys: Any) -> bool:
    section = config.EndSystemSection(profile=f"{__name__}.{kind.__name__}", base_url=url, **keys)
    outcome = await logged_in(build_end_system(section, {}).login(SESSION, told))
    assert outcome.result is not LoginResult.LOGGED_IN
    return outcome.may_be_made


@pytest.mark.parametrize(("method", "header", "expected"), [("GET", "", False), ("GET", BASIC, True), ("POST", "", True)])
@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("status/502", []),
        ("status/504", []),
        ("before", []),
        ("hang", []),
        ("garbage", []),
        ("short", []),
        ("fine", []),
        ("fine", NOT_JSON),
        ("fine", TO_NOWHERE),
        ("fine", TO_THE_GATEWAY),
        ("fine", ROUND),
    ],
)
async def test_what_fails_of_a_login_counts_only_if_it_may_log_in(
    method: str, header: str, path: str, answers: Sequence[Canned], *, expected: bool
) -> None:
    async with faulty_system() as system:
        system.answers += answers
        told = {"method": method, "path": path, "header": header}
        assert await may_be_made(Reading, system.url, told, deadlines=SOON.model_copy(update={"total": 5})) is expected


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "before", True),
        ("POST", "garbage", True),
        ("POST", "status/502", True),
        ("POST", "hang", True),
        ("GET", "hang", False),
        ("POST", "status/503", False),
        ("POST", "http://elsewhere.example/", False),
        ("GET", "before", False),
        ("GET", "status/502", False),
    ],
)
async def test_what_a_class_goes_on_after_may_have_logged_in(method: str, path: str, *, expected: bool) -> None:
    told = {"method": method, "path": path}
    async with faulty_system() as system:
        assert await may_be_made(Persistent, system.url, told) is expected
    assert not await may_be_made(Persistent, f"http://{HOST}:{free_port()}", told)


async def test_a_body_may_say_who_asks() -> None:
    async with faulty_system() as system:
        assert await may_be_made(Reading, system.url, {"method": "GET", "path": "status/502", "body": "user=me"})


@pytest.mark.parametrize(("known", "expected"), [({}, False), ({"known": ""}, True)])
async def test_a_cookie_of_the_forms_page_tells_nobodys_name(known: Mapping[str, str], *, expected: bool) -> None:
    for answers in ([FORM, Canned(502)], [FORM, LOGO, Canned(401)]):
        async with faulty_system() as system:
            system.answers += answers
            assert await may_be_made(ByForm, system.url, known) is expected
            assert b"form=1" in system.received[1].header("cookie")


async def test_what_is_fetched_while_a_login_is_under_way_does_not_hide_it() -> None:
    async with faulty_system() as system:
        assert await may_be_made(AtOnce, system.url, {})


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_counts_as_what_a_middleware_has_made_of_it(method: str) -> None:
    async with faulty_system() as system:
        assert await may_be_made(Signing, system.url, {"method": method})


async def test_a_request_that_nobody_watched_may_have_logged_in() -> None:
    async with faulty_system() as system:
        assert await may_be_made(BesideTheGuards, system.url, {})


async def test_the_password_of_a_proxy_logs_nobody_in() -> None:
    async with faulty_system() as proxy:
        url = proxy.url.replace("http://", "http://me:secret@")
        told = {"steps": "GET fine, GET status/401"}
        assert not await may_be_made(InSteps, f"http://{HOST}:{free_port()}", told, proxy=url)
        assert proxy.received[0].header("proxy-authorization")
