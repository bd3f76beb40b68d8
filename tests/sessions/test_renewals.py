"""A login whose cookie each answer replaces: the newest one is durable, used, and ended."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from connector.api import session_logout
from connector.api.http_errors import BadRequest
from connector.api.session_of_request import session as session_of
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import Current, Renewal
from connector.sessions.live import LiveSessions
from connector.sessions.renewals import Renewals, with_values
from connector.sessions.seal import Sealed
from tests.cli.command import connector
from tests.e2e.connector_process import ROOT, connector_process, started
from tests.e2e.opshub import OpsHub
from tests.fleet.gates import answers_lost, in_place_of
from tests.ledger.ledgers import open_, until
from tests.ledger.ledgers import opened as opened_ledger
from tests.ledger.ledgers import session as a_session
from tests.sessions.records import ledger_in
from tests.sessions.served import KEYS, Served, served
from tests.sessions.test_cleanup import SYSTEM
from tests.sessions.test_missed import out_of_order
from tests.sessions.test_proved import section
from tests.sessions.turnstile import PROFILE as TICKETS
from tests.sessions.turnstile import SETTINGS, Turnstile


@pytest.fixture
async def turnstile() -> AsyncIterator[Turnstile]:
    async with Turnstile() as system:
        yield system


async def several(request: web.Request) -> web.Response:
    """Call the end system so many times, one after the other."""
    for _ in range(int(request.query.get("times", "1"))):
        async with session_of(request).http.get(request.query.get("path", "/next")) as answer:
            await answer.read()
    return web.json_response(answer.status)


async def at_once(request: web.Request) -> web.Response:
    async def call() -> None:
        async with session_of(request).http.get("/next") as answer:
            await answer.read()

    async with asyncio.TaskGroup() as calls:
        for _ in range(10):
            calls.create_task(call())
    return web.json_response({})


ROUTES = [web.get("/several", several), web.get("/at-once", at_once)]


async def opened(server: Served, session: str) -> dict[str, str]:
    answer = await server.opshub.initialize(session, SETTINGS, query=SYSTEM)
    assert answer.status == 200, answer.text
    return answer.session_headers


async def test_each_request_carries_the_newest_cookie_and_the_cleanup_ends_it(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        for _ in range(2):
            assert (await server.opshub.call("/several?times=3", headers)).body == 200
        assert (await server.opshub.call("/several?path=/redirects", headers)).body == 200
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        duplicate = await server.opshub.cleanup(session, headers, SYSTEM)

    assert [each.body["logout"]["outcome"] for each in (answer, duplicate)] == ["acknowledged"] * 2
    assert (turnstile.ended, turnstile.refused) == (["t8.1"], 0)


async def test_a_server_that_starts_anew_knows_the_newest_cookie(turnstile: Turnstile, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        await server.opshub.call("/several?times=2", headers)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        assert (await server.opshub.call("/several", headers)).body == 200
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert (turnstile.ended, turnstile.refused) == (["t4.1"], 0)


async def test_a_session_that_logs_in_anew_has_the_newest_cookie_of_the_old_login_ended(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        await server.opshub.call("/several", headers)
        answer = await server.opshub.initialize(session, SETTINGS, headers, SYSTEM)
        assert (await server.opshub.call("/several", answer.session_headers)).body == 200
        await server.opshub.cleanup(session, answer.session_headers, SYSTEM)
        await turnstile.nobody.wait()

    assert ({*turnstile.ended}, turnstile.refused) == ({"t2.1", "t4.2"}, 0)


PROBE = """
[verify]
method = "GET"
url = "{base_url}/next"
headers = { Cookie = "{credential.Cookie}" }
dead = [401]
alive = [200]
"""


@pytest.mark.parametrize("probe", [PROBE, f"{PROBE}before = true\n"], ids=["after the login", "before the logout, too"])
async def test_a_cookie_that_a_probe_renews_is_the_one_that_is_used_and_ended(
    turnstile: Turnstile, session: str, tmp_path: Path, probe: str
) -> None:
    async with served(tmp_path, section(turnstile, tmp_path, TICKETS.read_text() + probe), routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/several", headers)).body == 200
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert answer.body["logout"]["outcome"] == "verified"
    assert (turnstile.tickets, turnstile.ended) == ({}, ["t4.1" if "before" in probe else "t3.1"])


async def test_a_cookie_that_another_allowed_host_sets_renews_nothing(turnstile: Turnstile, session: str, tmp_path: Path) -> None:
    elsewhere = turnstile.url.replace("127.0.0.1", "localhost")
    section = f'{turnstile.section}allowed_urls = ["{turnstile.url}", "{elsewhere}"]\n'
    turnstile.is_lenient = True
    async with served(tmp_path, section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call(f"/several?path={elsewhere}/next", headers)).body == 200
        turnstile.tickets = {"1": "t1.1"}
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert answer.body["logout"]["outcome"] == "acknowledged"
    assert turnstile.ended == ["t1.1"]


async def test_a_cookie_that_is_renewed_while_the_cleanup_runs_is_ended_as_well(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    was_renewed, may_go_on = asyncio.Event(), asyncio.Event()

    async def held(request: web.Request) -> web.Response:
        session_in_use = session_of(request)
        was_renewed.set()
        await may_go_on.wait()
        async with session_in_use.http.get("/next") as answer:
            await answer.read()
        return web.json_response({})

    async with served(tmp_path, turnstile.section, routes=[web.get("/held", held)]) as server:
        headers = await opened(server, session)
        call = asyncio.create_task(server.opshub.call("/held", headers))
        await was_renewed.wait()
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        assert answer.body["logout"]["outcome"] == "acknowledged"
        # The call is answered although its login has just been ended: an end system of several machines may do that.
        turnstile.tickets = {"1": "t1.1"}
        turnstile.nobody.clear()
        may_go_on.set()
        await call
        await turnstile.nobody.wait()
        assert (await server.opshub.call("/held", headers)).status == 401, "the session stays closed"

    assert turnstile.ended[-1] == "t2.1"


async def test_calls_at_once_leave_the_last_cookie_that_was_answered(turnstile: Turnstile, session: str, tmp_path: Path) -> None:
    turnstile.is_lenient = True
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/at-once", headers)).status == 200
        await server.opshub.call("/several", headers)
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert not turnstile.tickets
    assert turnstile.refused == 0


async def test_an_answer_that_comes_late_does_not_bring_an_older_cookie_back(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    turnstile.is_lenient = True
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        late = asyncio.create_task(server.opshub.call("/several?path=/late", headers))
        assert await turnstile.calls.get() == "/late"
        assert (await server.opshub.call("/several", headers)).body == 200
        turnstile.answering.set()
        assert (await late).body == 200
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (answer.body["logout"]["outcome"], turnstile.ended) == ("acknowledged", ["t3.1"])


async def test_a_request_whose_cookie_was_replaced_meanwhile_is_sent_again_with_the_newest(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        slow = asyncio.create_task(server.opshub.call("/several?path=/slow", headers))
        assert await turnstile.calls.get() == "/slow begins"
        assert (await server.opshub.call("/several", headers)).body == 200
        turnstile.answering.set()
        assert (await slow).body == 200

    assert turnstile.refused == 1


@pytest.mark.parametrize("steps", range(8))
async def test_no_request_is_sent_while_another_cookie_waits_to_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    async with opened_ledger(tmp_path) as ledger:
        await open_(ledger, session := a_session(1, "token", "login"))
        await (live := LiveSessions(ledger)).load()
        renewals = Renewals(ledger, live, nudge=lambda: None)
        sealed = Sealed(session.session_id, session.system_id, session.login_id, live.ledger_id, session.credential)
        real, answered = ledger.renew, list[asyncio.Task[None]]()

        async def answer(token: str, steps: int = 0) -> None:
            """Take a cookie that comes so many steps of the event loop later."""
            for _ in range(steps):
                await asyncio.sleep(0)
            await renewals.renew(sealed, with_values({"Authorization": token}))

        async def renew(renewal: Renewal) -> Current | None:
            found = await real(renewal)
            if len(answered) == 1:
                answered.append(asyncio.create_task(answer("newest", steps)))
            return found

        monkeypatch.setattr(ledger, "renew", renew)
        answered.append(asyncio.create_task(answer("newer")))
        await asyncio.sleep(0)
        await renewals.settled(sealed)
        carried = renewals.durable(sealed)
        assert carried == renewals.current(sealed).credential, "it would end the cookie that is recorded later"
        await asyncio.gather(*answered)


async def test_a_newer_cookie_does_not_give_way_to_one_that_was_recorded_unnoticed(tmp_path: Path) -> None:
    """The answers to two requests come one after the other, and the ledger's to the first one not at all."""
    async with opened_ledger(tmp_path) as ledger:
        await open_(ledger, session := a_session(1, "token", "login"))
        await (live := LiveSessions(ledger)).load()
        renewals = Renewals(ledger, live, nudge=lambda: None)
        sealed = Sealed(session.session_id, session.system_id, session.login_id, live.ledger_id, session.credential)
        with answers_lost(ledger, "renew"), pytest.raises(LedgerUnavailable):
            await renewals.renew(sealed, with_values({"Authorization": "newer"}))
        await renewals.renew(sealed, with_values({"Authorization": "newest"}))
        durable = renewals.durable(sealed)
        assert durable is not None
        assert durable.get("Authorization") == "newest"


async def test_an_answer_that_comes_late_brings_no_older_cookie_back_after_the_cleanup(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    turnstile.is_lenient = True
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        calls = []
        for path in ("/late", "/later"):
            calls.append(asyncio.create_task(server.opshub.call(f"/several?path={path}", headers)))
            assert await turnstile.calls.get() == path
        await server.opshub.cleanup(session, headers, SYSTEM)
        turnstile.is_away = True
        for answering, call in zip((turnstile.answering_later, turnstile.answering), reversed(calls), strict=True):
            answering.set()
            assert (await call).body == 200
        turnstile.is_away = False
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert turnstile.ended == ["t3.1"]


@pytest.mark.parametrize("path", ["/plain", "/other", "/deletes", "/empties"])
async def test_an_answer_that_does_not_renew_the_login_changes_nothing(
    turnstile: Turnstile, session: str, tmp_path: Path, path: str
) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call(f"/several?path={path}", headers)).body == 200
    async with ledger_in(tmp_path) as ledger:
        assert (await ledger.known_sessions()).renewed == {}
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert turnstile.ended == ["t1.1"]


async def test_a_cookie_that_comes_with_an_error_is_not_taken(turnstile: Turnstile, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        ticket, turnstile.tickets["1"] = turnstile.tickets["1"], "elsewhere"
        await server.opshub.call("/several", headers)
        turnstile.tickets["1"] = ticket
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert turnstile.ended == ["t1.1"]


async def test_a_session_of_another_replica_keeps_the_credential_of_its_seal(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    turnstile.is_lenient = True
    async with served(tmp_path / "a", turnstile.section) as one:
        headers = await opened(one, session)
    async with served(tmp_path / "b", turnstile.section, routes=ROUTES) as replica:
        assert (await replica.opshub.call("/several?path=/plain", headers)).body == 200
        await replica.opshub.cleanup(session, headers, SYSTEM)

    assert turnstile.ended == ["t1.1"]


async def test_what_a_handler_has_seen_renewed_outlives_a_kill(turnstile: Turnstile, session: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'{turnstile.section}\n[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n')
    command = [sys.executable, "-m", "tests.sessions.turnstile_connector", str(config)]
    with started(command, tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)}) as killed:
        async with OpsHub(killed.url) as opshub:
            headers = (await opshub.initialize(session, SETTINGS, query=SYSTEM)).session_headers
            call = asyncio.create_task(opshub.call("/renewed-then-plain", headers))
            while await turnstile.calls.get() != "/plain":
                pass
            killed.process.kill()
            with suppress(aiohttp.ClientError):  # unless its answer was faster
                await call
    with connector_process(tmp_path, turnstile.section) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session, headers, SYSTEM)

    assert (answer.body["logout"]["outcome"], turnstile.ended) == ("acknowledged", ["t2.1"])


async def test_a_renewal_that_the_ledger_cannot_take_is_used_once_it_is_recorded(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away, renew = True, SqliteLedger.renew

    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        if is_away:
            raise LedgerUnavailable("the disk is full")
        return await renew(self, renewal)

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        statuses = [(await server.opshub.call("/several", headers)).status for _ in range(2)]
        is_away = False
        statuses.append((await server.opshub.call("/several?path=/plain", headers)).status)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert statuses == [503, 503, 200]
    assert (turnstile.ended, turnstile.refused) == (["t2.1"], 0)


async def test_a_cleanup_ends_a_renewed_login_that_the_ledger_could_not_take(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/several", headers)).status == 503
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (answer.body["logout"]["outcome"], turnstile.ended) == ("acknowledged", ["t2.1"])


async def test_a_cleanup_whose_body_breaks_off_takes_no_renewed_login_upon_itself(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away, renew = True, SqliteLedger.renew

    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        if is_away:
            raise LedgerUnavailable("the disk is full")
        return await renew(self, renewal)

    async def broken(*_: object, **__: object) -> None:
        raise BadRequest("The body broke off.", code="body_incomplete")

    async def is_ended() -> bool:
        return "t2.1" in turnstile.ended

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/several", headers)).status == 503
        with in_place_of(session_logout, "discard_body", broken):
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 400
        await opened(server, session)
        is_away = False
        await until(is_ended)


async def test_an_initialize_without_a_seal_ends_a_renewed_login_that_is_not_recorded(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, f'{turnstile.section}replace = "before"\n', routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/several", headers)).status == 503
        await opened(server, session)

    assert (turnstile.ended, turnstile.refused) == (["t2.1"], 0)


async def test_each_cleanup_ends_the_newest_cookie_while_the_ledger_can_record_none(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        await server.opshub.call("/several", headers)
        turnstile.is_away = True
        with out_of_order(tmp_path):
            outcomes = [(await server.opshub.cleanup(session, headers, SYSTEM)).body]
            turnstile.is_away = False
            outcomes.append((await server.opshub.cleanup(session, headers, SYSTEM)).body)

    assert [each["errors"]["code"] for each in outcomes] == ["ledger_unavailable"] * 2
    assert (turnstile.ended, turnstile.refused) == (["t2.1"], 0)


async def test_each_cleanup_ends_a_cookie_that_the_ledger_could_not_take(
    turnstile: Turnstile, session: str, tmp_path: Path
) -> None:
    was_renewed, may_go_on = asyncio.Event(), asyncio.Event()

    async def before_and_after(request: web.Request) -> web.Response:
        http = session_of(request).http
        with suppress(LedgerUnavailable):
            await http.get("/next")
        was_renewed.set()
        await may_go_on.wait()
        async with http.get("/plain") as answer:
            return web.json_response(answer.status)

    turnstile.is_lenient = turnstile.is_away = True
    async with served(tmp_path, turnstile.section, routes=[web.get("/before-and-after", before_and_after)]) as server:
        headers = await opened(server, session)
        with out_of_order(tmp_path):
            call = asyncio.create_task(server.opshub.call("/before-and-after", headers))
            await was_renewed.wait()
            await server.opshub.cleanup(session, headers, SYSTEM)
            may_go_on.set()
            assert (await call).body == 200
            turnstile.is_away = False
            await server.opshub.cleanup(session, headers, SYSTEM)

    assert (turnstile.ended, turnstile.refused) == (["t2.1"], 0)


async def test_a_credential_that_its_cleanup_has_ended_is_not_owed_by_its_late_record(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_recorded, may_go_on, renew = asyncio.Event(), asyncio.Event(), SqliteLedger.renew

    async def telling_late(self: SqliteLedger, renewal: Renewal) -> Current | None:
        found = await renew(self, renewal)
        is_recorded.set()
        await may_go_on.wait()
        return found

    async def twice(request: web.Request) -> web.Response:
        current = session_of(request)
        async with asyncio.TaskGroup() as renewing:
            renewing.create_task(current.renew({"Cookie": "TICKET=older.1; NODE=n1"}))
            await is_recorded.wait()
            renewing.create_task(current.renew({"Cookie": "TICKET=newer.1; NODE=n1"}))
        return web.json_response({})

    monkeypatch.setattr(SqliteLedger, "renew", telling_late)
    async with served(tmp_path, turnstile.section, routes=[web.get("/twice", twice)]) as server:
        headers = await opened(server, session)
        turnstile.tickets["1"] = "newer.1"
        call = asyncio.create_task(server.opshub.call("/twice", headers))
        await is_recorded.wait()
        answers = [await server.opshub.cleanup(session, headers, SYSTEM)]
        may_go_on.set()
        await call
        answers.append(await server.opshub.cleanup(session, headers, SYSTEM))

    assert [answer.body["logout"]["outcome"] for answer in answers] == ["acknowledged"] * 2
    assert (turnstile.ended, turnstile.refused) == (["newer.1"], 0)


async def test_a_renewal_that_the_ledger_could_not_take_is_left_in_a_drained_server(
    turnstile: Turnstile, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, turnstile.section, routes=ROUTES) as server:
        await server.opshub.call("/several", await opened(server, session))
        left = await connector("drain", "--timeout", "0s", "--json", folder=tmp_path, environ=KEYS)

    assert (left.exit_code, left.json["sessions"], left.json["unrecorded"]) == (75, 1, 1)
