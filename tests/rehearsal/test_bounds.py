"""A rehearsal ends, talks to nobody else, leaves nothing open, and keeps to itself what is secret."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from connector.model.redaction import Redaction
from connector.rehearsal.beginning import Unreachable
from connector.rehearsal.checks import Check
from connector.rehearsal.play import rehearse
from connector.rehearsal.report import CheckResult, Report
from connector.rehearsal.script import Limits, Script
from tests.rehearsal.faulty_connector import Fault, hang, served, small_connector
from tests.rehearsal.test_faults import PASSWORD, found, script


def seen(report: Report, check: Check) -> str:
    return next(one.seen for one in report.findings if one.check is check)


async def test_all_sessions_that_were_opened_are_closed_in_the_end() -> None:
    async with small_connector() as connector:
        await rehearse(script(connector))

        assert connector.office.initialized
        assert connector.office.open_sessions == set()


async def test_a_rehearsal_that_is_cancelled_closes_its_sessions() -> None:
    async with small_connector() as connector:
        working = asyncio.Event()

        def watch(act: str, _over: int, _sent: int) -> None:
            if act == "a configuration change":
                working.set()

        play = asyncio.create_task(rehearse(script(connector), watch=watch))
        await working.wait()
        play.cancel()
        with pytest.raises(asyncio.CancelledError):
            await play

        assert connector.office.open_sessions == set()


async def test_a_spent_budget_of_requests_ends_the_rehearsal_and_leaves_nothing_open() -> None:
    async with small_connector() as connector:
        report = await rehearse(script(connector), Limits(requests=12))

        assert seen(report, Check.IN_BOUNDS) == "broken off after 12 requests"
        assert connector.office.open_sessions == set()
        assert connector.office.requests == report.requests == 13  # with the one that closes


async def test_an_answer_that_does_not_come_in_time_fails_the_check_of_what_was_asked() -> None:
    async with silent_connector() as url:
        report = await rehearse(Script(urls=[url], headers={}), Limits(answer=1.5, requests=2))

    assert seen(report, Check.CLEANUP) == "no answer within 1.5 s"


async def test_a_rehearsal_ends_when_its_time_is_over() -> None:
    async with silent_connector() as url:
        report = await rehearse(Script(urls=[url], headers={}), Limits(total=0.2))

    assert seen(report, Check.IN_BOUNDS) == "broken off after 0.2 s"


@asynccontextmanager
async def silent_connector() -> AsyncIterator[str]:
    """Serve a connector that introduces itself and then never answers again."""
    application = web.Application()
    application.router.add_get("/discover", _introduction)
    application.router.add_route("*", "/{rest:.*}", hang)
    async with served(application) as url:
        yield url


async def _introduction(_: web.Request) -> web.Response:
    return web.json_response({"connectorName": "silent", "connectorVersion": "1"})


async def test_a_redirect_is_reported_and_not_followed() -> None:
    async with small_connector() as elsewhere:

        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(f"{elsewhere.urls[0]}{request.path}")

        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", redirect)
        async with served(application) as url:
            report = await rehearse(replace(script(elsewhere), urls=[url]))

        assert seen(report, Check.DISCOVER) == "307, a redirect, which is not followed"
        assert elsewhere.office.requests == 0


async def test_where_one_url_is_dead_nothing_is_played() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with small_connector() as connector:
            with pytest.raises(Unreachable, match=f"^{dead}: no connection$"):
                await rehearse(replace(script(connector), urls=[*connector.urls, dead]))

            assert not connector.office.initialized


async def test_wrong_settings_are_tried_once_so_that_no_account_is_locked() -> None:
    async with small_connector(Fault.LOGIN_REFUSED_WITH_401) as connector:
        report = await rehearse(script(connector))

        assert connector.office.logins == 1
        assert {one.check for one in report.with_verdict(CheckResult.SKIP)} >= {Check.CALLS, Check.SESSIONS_AT_ONCE}


async def test_without_initialize_the_headers_that_are_given_are_the_session() -> None:
    async with small_connector() as connector:
        ticket = connector.office.log_in("e3b7f6a2-58a0-4a5c-9a53-3c0f8c1f7d11")
        report = await rehearse(
            replace(script(connector), settings=[], changed_settings=None, headers={"X-Ticket": f"Ticket {ticket}"})
        )

    assert found(report) == set()
    passed = {one.check for one in report.with_verdict(CheckResult.PASS)}
    assert passed >= {Check.CALLS, Check.CALL_WITHOUT_HEADERS, Check.CALL_WITH_WRONG_HEADERS, Check.CLEANUP}
    assert seen(report, Check.INITIALIZE) == "initialize was left out"


async def test_what_a_connector_says_is_shown_without_secrets_and_cannot_move_a_cursor() -> None:
    async with small_connector(Fault.REPEATS_THE_PASSWORD, replicas=1) as connector:
        report = await rehearse(script(connector))

    assert seen(report, Check.INITIALIZE) == "400 wrong_password: ***\N{REPLACEMENT CHARACTER}[2J is wrong"
    assert seen(report, Check.NO_CREDENTIAL_REPEATED).startswith("a credential in the answer 400")
    assert PASSWORD not in repr(report) + str(report.as_json)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("Bearer abcdefgh", "token abcdefgh is unknown"),
        ("JSESSIONID=12345678; Path=/", "no session 12345678"),
        ("p&ss wörd", "at https://desk.test/?password=p%26ss%20w%C3%B6rd"),
        ('pass"word', r'{"password": "pass\"word"}'),
    ],
)
def test_a_secret_is_known_again_in_every_form(secret: str, text: str) -> None:
    redaction = Redaction()
    redaction.learn([secret])

    assert redaction.betrayed_by(text)
    assert "***" in redaction.redacted(text)
