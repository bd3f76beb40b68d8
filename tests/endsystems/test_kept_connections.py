"""`connection = "kept"`: all requests of a run go over one connection, and none over another if it ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector import ConnectionNotKept, Credential, EndSystem, LoginOutcome, LoginResult, LogoutOutcome, SessionLogin
from connector.config.settings import EndSystemDeadlines, EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.escaped import logged_in, logged_out
from connector.endsystems.http.authors_answer import ErrorStatus
from connector.model.outcomes import LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.connection_counting import CountingSystem, counting_system
from tests.endsystems.opened import SESSION, login, opened
from tests.endsystems.refusing_tls import refusing_server

ENDED = 'the connection of this run has ended, and the run may not go on over another (`connection = "kept"`)'
PROFILE = """
description = "Some requests of each kind"
connection = "kept"
settings = { user = { required = true }, end = { default = "ok" } }

[[login]]
method = "GET"
url = "{base_url}/form"
success = [200]
capture = { form = { json = "token" } }

[[login]]
method = "POST"
url = "{base_url}/login/{setting.end}"
form = { user = "{setting.user}", form = "{captured.form}" }
success = [200]
capture = { token = { json = "token" } }

[credential]
X-Token = "{captured.token}"

[[refresh]]
method = "POST"
url = "{base_url}/refresh"
headers = { X-Token = "{credential.X-Token}" }
success = [200]
capture = { token = { json = "token" } }

[[steps]]
method = "GET"
url = "{base_url}/csrf"
headers = { X-Token = "{credential.X-Token}" }
success = [200]
already_out = []
capture = { csrf = { json = "token" } }

[[steps]]
method = "POST"
url = "{base_url}/LOGOUT"
headers = { X-Token = "{credential.X-Token}", X-CSRF = "{captured.csrf}" }
success = [200]

[verify]
method = "GET"
url = "{base_url}/me"
headers = { X-Token = "{credential.X-Token}" }
before = true
dead = [401]
alive = [200]

[http]
headers = { X-Token = "{credential.X-Token}" }
"""
UNTIED = PROFILE.replace('connection = "kept"\n', "")


class Tied(EndSystem):
    """Asks for two pages in each run."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        async with self.guarded.http(for_login=True, connection="kept") as http:
            for page in ("first", settings["page"], "last"):
                async with http.get(page):
                    pass
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([("X-Page", settings["page"])]))

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        async with self.guarded.http(connection="kept") as http:
            for page in ("first", session.credential["X-Page"], "last"):
                async with http.post(page):
                    pass
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


def tied(system: CountingSystem, **keys: Any) -> EndSystem:
    """The class, before its end system."""
    return build_end_system(EndSystemSection(profile=f"{__name__}.Tied", base_url=system.url, **keys), {})


@asynccontextmanager
async def kept() -> AsyncIterator[tuple[aiohttp.ClientSession, CountingSystem]]:
    """The client of one run, and the end system that it reaches."""
    async with counting_system() as system, tied(system).guarded.http(connection="kept") as http:
        yield http, system


async def _read(http: aiohttp.ClientSession, page: str) -> None:
    async with http.get(page) as answer:
        assert await answer.json() == {"token": "t"}


async def test_answers_that_nobody_reads_redirects_and_errors_leave_the_connection_alone() -> None:
    async with kept() as (http, system):
        for page in ("unread", "long"):
            async with http.get(page) as answer:
                assert answer.ok
        async with http.get("302", params={"Location": "/there"}) as answer:
            assert await answer.json() == {"token": "t"}
        for status in (401, 503):
            async with http.post(f"{status}", data=b"x") as answer:
                assert (answer.status, await answer.json()) == (status, {"token": "t"})
        async with http.get("read") as answer:
            assert await answer.json() == {"token": "t"}

    assert [path for _, path in system.requests] == ["/unread", "/long", "/302", "/there", "/401", "/503", "/read"]
    assert len(system.connections) == 1


async def test_an_error_that_nobody_has_looked_at_is_raised_as_without_it() -> None:
    async with kept() as (http, system):
        with pytest.raises(ErrorStatus):
            await _read(http, "403")
        await _read(http, "next")

    assert system.numbers == [0, 0]


async def test_a_middleware_that_answers_a_challenge_does_so_over_the_same_connection() -> None:
    async def answering(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        challenge = await handler(request)
        return await handler(request) if challenge.status == 401 else challenge

    async with counting_system() as system, tied(system).guarded.http(answering, connection="kept") as http:
        async with http.get("401") as answer:
            assert answer.status == 401
        await _read(http, "next")

    assert system.numbers == [0, 0, 0]


async def test_requests_at_the_same_time_wait_for_each_other() -> None:
    async with kept() as (http, system):
        await asyncio.gather(*(_read(http, "page") for _ in range(5)))

    assert system.numbers == [0] * 5


async def test_a_request_within_a_long_answer_that_is_not_read_times_out() -> None:
    async with counting_system() as system:
        end_system = tied(system, deadlines=EndSystemDeadlines(total=0.2))
        async with end_system.guarded.http(connection="kept") as http, http.get("long"):
            with pytest.raises(TimeoutError):
                await http.get("second")

    assert system.requests == [(0, "/long")]


async def test_runs_at_the_same_time_never_share_a_connection() -> None:
    async def run(end_system: EndSystem, name: str) -> None:
        async with end_system.guarded.http(connection="kept") as http:
            for _ in range(3):
                await _read(http, name)

    async with counting_system() as system:
        end_system = tied(system)
        await asyncio.gather(*(run(end_system, f"run{number}") for number in range(5)))

    assert len(system.requests) == 15
    assert len({*system.requests}) == len(system.connections) == 5


async def test_without_it_requests_at_the_same_time_have_connections_of_their_own() -> None:
    async with counting_system() as system, tied(system).guarded.http() as http:
        for answer in await asyncio.gather(*(http.get("page") for _ in range(3))):
            assert await answer.json() == {"token": "t"}

    assert len(system.connections) == 3


@pytest.mark.parametrize("way", ["silent", "last", "half"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_ends_ends_the_run_and_nothing_goes_over_another(way: str, method: str) -> None:
    async with kept() as (http, system):
        for page in ("first", way):
            try:
                async with http.request(method, page):
                    pass
            except ConnectionNotKept:
                assert way == "silent"
        for _ in range(2):
            with pytest.raises(ConnectionNotKept) as told:
                await http.request(method, "more")
            assert str(told.value) == ENDED

    assert system.requests == [(0, "/first"), (0, f"/{way}")]


async def test_an_end_system_that_hangs_up_while_nothing_is_asked_is_noticed() -> None:
    async with kept() as (http, system):
        async with http.get("first"):
            pass
        system.connections[0].close()
        with pytest.raises(ConnectionNotKept):
            await http.get("more")

    assert system.requests == [(0, "/first")]


async def test_a_request_that_was_broken_off_ends_the_run() -> None:
    async with kept() as (http, system):
        asking = asyncio.create_task(_read(http, "first"))
        await system.arrived.wait()
        asking.cancel()
        await asyncio.wait([asking])
        with pytest.raises(ConnectionNotKept):
            await _read(http, "more")

    assert system.requests == [(0, "/first")]


async def test_a_class_whose_connection_ends_cannot_log_in_and_owes_the_logout() -> None:
    async with counting_system() as system:
        end_system = tied(system)
        for page, ends in (("ok", False), ("silent", True), ("last", True)):
            opened = await logged_in(end_system.login(SESSION, {"page": page}))
            closed = await logged_out(end_system.logout(login(X_Page=page)))
            told = ("connection", ENDED) if ends else (None, None)
            assert (opened.result, opened.code, opened.message) == (
                LoginResult.UNAVAILABLE if ends else LoginResult.LOGGED_IN,
                *told,
            )
            assert (closed.result, closed.code, closed.message) == (
                LogoutResult.PENDING if ends else LogoutResult.ACKNOWLEDGED,
                *told,
            )


async def test_a_profile_sends_its_login_its_logout_and_its_probes_over_a_connection_each() -> None:
    async with counting_system() as system, opened(PROFILE, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, {"user": "u"})
        assert outcome.result is LoginResult.LOGGED_IN
        session = SessionLogin(SESSION, "A", outcome.credential)
        async with end_system.client(session) as http:
            for page in ("a", "b"):
                async with http.get(page):
                    pass
        await end_system.logout(session)

    pages = [(0, "/form"), (0, "/login/ok"), (0, "/me"), (1, "/a"), (1, "/b")]
    assert system.requests == [*pages, (2, "/me"), (2, "/csrf"), (2, "/LOGOUT"), (2, "/me")]


async def test_a_certificate_that_the_end_system_wants_is_told_as_without_it(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    with refusing_server(trusted.wanting_clients()) as url:
        async with opened(PROFILE, base_url=url, ca_file=trusted.file) as end_system:
            outcome = await end_system.login(SESSION, {"user": "u"})

    assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "tls_client_certificate")


async def test_without_it_each_request_of_a_profile_has_a_connection_of_its_own() -> None:
    async with counting_system() as system, opened(UNTIED, base_url=system.url) as end_system:
        await end_system.login(SESSION, {"user": "u"})

    assert system.requests == [(0, "/form"), (1, "/login/ok"), (2, "/me")]


async def test_a_profile_whose_connection_ends_has_failed_and_says_why() -> None:
    async with counting_system() as system, opened(PROFILE, base_url=system.url) as end_system:
        outcome = await end_system.login(SESSION, {"user": "u", "end": "silent"})

    assert (outcome.result, outcome.code) == (LoginResult.UNAVAILABLE, "connection")
    assert outcome.message == f"login[1]: {ENDED}"
    assert system.requests == [(0, "/form"), (0, "/login/silent")]
