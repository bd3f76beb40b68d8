"""An `already_out` says whether it is proved; an end system most of whose logouts are doubtful is noticed."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.endsystems.end_system import SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.sessions.doubts import FEW, FEWEST, LONGEST, MOSTLY, UNPROVED, WINDOW, Doubts
from tests.cli.command import connector
from tests.ledger.ledgers import SetClock, raw
from tests.metrics.exposition import value
from tests.sessions.desk import PROFILE, Desk
from tests.sessions.expiring import PROFILE as EXPIRING
from tests.sessions.expiring import Expiring
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_in_use import me
from tests.sessions.test_proved import PROBE, section

USING = [web.get("/me", me)]
ONE = 'headers = { Authorization = "{credential.Authorization}" }'
BOTH = 'headers = { Authorization = "{credential.Authorization}", X-Refresh = "{credential.X-Refresh}" }'
ALREADY_OUT, VERIFIED = LogoutOutcome(LogoutResult.ALREADY_OUT), LogoutOutcome(LogoutResult.VERIFIED)


async def gone(server: Served, desk: Desk, *, used: bool = False) -> Any:
    """Clean up a session whose login somebody else has ended, and return what the report says of its logout."""
    session = str(uuid4())
    headers = await opened(server, session)
    if used:
        await server.opshub.call("/me", headers)
    desk.alive.clear()
    return (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]


def events(logs: Sequence[Any]) -> list[str]:
    return [line["event"] for line in logs if line["event"] in {UNPROVED, MOSTLY}]


async def test_without_anything_that_shows_a_living_login_already_out_is_not_proved(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        with capture_logs() as logs:
            logout = await gone(server, desk)
        status = (await connector("status", folder=tmp_path)).out.splitlines()
        counted = value(server.metrics.exposition().decode(), "connector_logouts_unproved_total")

    assert (logout["outcome"], logout["proved"], events(logs)) == ("already_out", False, [UNPROVED])
    assert (counted, "already out, not proved\t1" in status) == (1, True)


async def test_a_call_through_the_sessions_client_proves_a_later_already_out(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=USING) as server:
        with capture_logs() as logs:
            logout = await gone(server, desk, used=True)

    assert (logout["outcome"], logout["proved"], events(logs)) == ("already_out", True, [])


async def test_a_call_that_the_end_system_refuses_proves_nothing(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=USING) as server:
        headers = await opened(server, session)
        desk.alive.clear()
        await server.opshub.call("/me", headers)
        logout = (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]

    assert logout["proved"] is False


async def test_a_page_that_a_redirect_leads_to_proves_nothing(desk: Desk, session: str, tmp_path: Path) -> None:
    async def redirected(request: web.Request) -> web.Response:
        async with session_of(request).http.get("/status/302?Location=/page") as answer:
            return web.json_response(await answer.text())

    async with served(tmp_path, desk.section, routes=[web.get("/redirected", redirected)]) as server:
        headers = await opened(server, session)
        page = await server.opshub.call("/redirected", headers)
        desk.alive.clear()
        logout = (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]

    assert (page.body, logout["proved"]) == ("<form>log in</form>", False)


@pytest.mark.parametrize("login", [True, False])
async def test_calls_by_one_token_do_not_prove_the_token_that_the_logout_uses(session: str, tmp_path: Path, login: bool) -> None:
    begin, refresh = EXPIRING.read_text().split("[[refresh]]")
    wrong = [text.replace('refresh = { json = "refresh" }', 'refresh = { json = "access" }') for text in (begin, refresh)]
    text = "[[refresh]]".join([wrong[0], refresh] if login else [begin, wrong[1]])
    async with Expiring() as system:
        async with served(tmp_path, section(system, tmp_path, text), routes=USING) as server:
            headers = (await server.opshub.initialize(session, [], query=SYSTEM)).session_headers
            calls = [(await server.opshub.call("/me", headers)).status]
            if not login:
                system.expire()
                calls.append((await server.opshub.call("/me", headers)).status)
            logout = (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]
        assert (system.ended, {*calls}) == ([], {200})

    assert (logout["outcome"], logout["proved"]) == ("already_out", False)


@pytest.mark.parametrize("captured", ["access", "refresh"])
async def test_a_credential_that_a_refresh_has_made_is_proved_by_its_own_use(session: str, tmp_path: Path, captured: str) -> None:
    begin, refresh = EXPIRING.read_text().replace(ONE, BOTH).split("[[refresh]]")
    wrong = refresh.replace('access = { json = "access" }', f'access = {{ json = "{captured}" }}')
    text = f"{begin}[[refresh]]{wrong}"
    async with Expiring() as system, served(tmp_path, section(system, tmp_path, text), routes=USING) as server:
        headers = (await server.opshub.initialize(session, [], query=SYSTEM)).session_headers
        await server.opshub.call("/me", headers)
        system.expire()
        await server.opshub.call("/me", headers)
        system.refresh.clear()
        logout = (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]

    assert (logout["outcome"], logout["proved"]) == ("already_out", captured == "access")


async def test_what_the_probe_has_shown_of_a_login_is_known_after_a_restart(desk: Desk, session: str, tmp_path: Path) -> None:
    probing = section(desk, tmp_path, PROFILE.read_text("utf-8") + PROBE)
    async with served(tmp_path, probing) as server:
        headers = await opened(server, session)
    desk.alive.clear()
    async with served(tmp_path, probing) as restarted:
        logout = (await restarted.opshub.cleanup(session, headers, SYSTEM)).body["logout"]

    assert (logout["outcome"], logout["proved"]) == ("already_out", True)


async def test_what_a_call_has_shown_goes_into_the_debt_of_a_logout_that_fails(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=USING) as server:
        headers = await opened(server, session)
        await server.opshub.call("/me", headers)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        await server.opshub.cleanup(session, headers, SYSTEM)
    desk.status = HTTPStatus.OK
    desk.alive.clear()
    async with served(tmp_path, desk.section) as restarted:
        report = await restarted.opshub.cleanup(session, headers, SYSTEM)

    assert (report.body["logout"]["outcome"], report.body["logout"]["proved"]) == ("already_out", True)
    with raw(tmp_path) as file:
        assert '"proved":true' in file.execute("SELECT outcome FROM debts").fetchone()[0]


async def test_a_gateway_that_finds_no_session_is_told_once_and_shown(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=USING) as server:
        with capture_logs() as logs:
            for number in range(FEWEST + 2):
                await gone(server, desk, used=bool(number % 2))
        status = (await connector("status", folder=tmp_path)).out.splitlines()
        metrics = server.metrics.exposition().decode()

    assert events(logs).count(MOSTLY) == 1
    assert f"most logouts doubtful at\t{desk.url} ({FEWEST + 2})" in status
    assert value(metrics, "connector_doubted_end_systems") == 1


def judged(doubts: Doubts, outcome: LogoutOutcome, *, is_first: bool = True, proved: bool = False) -> LogoutOutcome:
    login = SessionLogin(str(uuid4()), None, Credential([("A", "b")], proved=proved))
    return doubts.judged(outcome, login, "login", "https://desk", is_first=is_first)


def test_a_few_doubtful_logouts_among_many_are_no_gateway() -> None:
    doubts = Doubts(SetClock(0.0))
    for _ in range(50):
        judged(doubts, VERIFIED)
        judged(doubts, ALREADY_OUT)
    assert doubts.doubted() == {}
    judged(doubts, ALREADY_OUT)
    assert doubts.doubted() == {"https://desk": 51}


def test_what_is_long_past_raises_no_doubt() -> None:
    clock = SetClock(0.0)
    doubts = Doubts(clock)
    for _ in range(FEWEST):
        judged(doubts, ALREADY_OUT)
    assert doubts.doubted() == {"https://desk": FEWEST}
    clock.now = LONGEST + 1
    assert doubts.doubted() == {}


def test_an_end_system_with_few_logouts_is_noticed_too() -> None:
    clock = SetClock(0.0)
    doubts = Doubts(clock)
    for _ in range(FEWEST):
        judged(doubts, ALREADY_OUT)
        clock.now += 600
    assert doubts.doubted() == {"https://desk": FEWEST}


def test_logouts_of_long_ago_do_not_hide_a_gateway_of_now() -> None:
    clock = SetClock(0.0)
    doubts = Doubts(clock)
    for _ in range(500):
        judged(doubts, VERIFIED)
    clock.now = WINDOW + 1
    for _ in range(FEW):
        judged(doubts, ALREADY_OUT)
    assert doubts.doubted() == {"https://desk": FEW}


@pytest.mark.parametrize(("is_first", "proved"), [(False, False), (True, True)])
def test_neither_a_later_try_nor_a_login_that_lived_long_ago_raises_a_doubt(is_first: bool, proved: bool) -> None:
    doubts = Doubts(SetClock(0.0))
    for _ in range(FEWEST):
        judged(doubts, ALREADY_OUT, is_first=is_first, proved=proved)
    assert doubts.doubted() == {}


def test_outcomes_that_tell_nothing_are_passed_on() -> None:
    doubts = Doubts()
    for result in {*LogoutResult} - {LogoutResult.ALREADY_OUT}:
        assert judged(doubts, LogoutOutcome(result)) == LogoutOutcome(result)
