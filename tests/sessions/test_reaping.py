"""Sessions that nobody cleans up are ended as by a cleanup, once they are idle, too old, or may never have been handed out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.cache import Caches, Entries, Loads
from connector.cleanups.hooks import Hooks
from connector.model.cleanup import Missed
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession, Reason
from connector.sessions.opening_outcomes import Opened, OpeningRequest
from connector.sessions.renewals import Renewals, with_values
from connector.sessions.seal import HEADER
from connector.sessions.session import SessionsInUse
from connector.workers.overdue import Overdue
from tests.fleet.gates import in_place_of
from tests.ledger.ledgers import SetClock, open_, until
from tests.ledger.ledgers import session as in_ledger
from tests.metrics.exposition import value
from tests.sessions.desk import Desk, settings
from tests.sessions.reception import ReceivingEndSystem, reception
from tests.sessions.records import ledger_in, open_sessions
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_shared_logins import ONLY, SESSIONS, section

IDLE = "[sessions]\nidle_timeout = 60\n"
BEYOND = 2
"""Ticks until that has passed for certain."""
REAPED = "a session that nobody has cleaned up is reaped"
DAY = 86_400
RENEWED = "a-newer-token"
OFTEN = 8


class Handlers:
    """Routes of an author: they tell whether the login works, some of them several times, and one waits in between."""

    def __init__(self) -> None:
        self.serving = asyncio.Event()
        self.may_end = asyncio.Event()
        self.routes = [web.get(path, each) for path, each in self._paths().items()]

    def _paths(self) -> Mapping[str, Handler]:
        return {"/twice": self.twice, "/often": self.often, "/held": self.held, "/renew": self.renew}

    async def twice(self, request: web.Request) -> web.Response:
        return await self._asked(request, 2)

    async def often(self, request: web.Request) -> web.Response:
        return await self._asked(request, OFTEN)

    async def _asked(self, request: web.Request, times: int) -> web.Response:
        statuses = []
        for _ in range(times):
            async with session_of(request).http.get("/me", raise_for_status=False) as answer:
                statuses.append(answer.status)
        return web.json_response(statuses)

    async def held(self, request: web.Request) -> web.Response:
        async with session_of(request).http.get("/me", raise_for_status=False) as answer:
            before = answer.status
        self.serving.set()
        await self.may_end.wait()
        async with session_of(request).http.get("/me", raise_for_status=False) as answer:
            return web.json_response([before, answer.status])

    async def renew(self, request: web.Request) -> web.Response:
        await session_of(request).renew({"Authorization": f"Bearer {RENEWED}"})
        return web.json_response([])


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


async def pass_time(server: Served, ticks: int) -> int:
    """Let ticks pass, and return which one it is then."""
    for _ in range(ticks):
        now = await server.parts.reaper.pass_time()
    assert now is not None
    return now


async def reap(server: Served, ticks: int) -> None:
    """Let ticks pass, then have ended what is beyond its time."""
    await server.parts.reaper.reap(await pass_time(server, ticks))


def reaped(logged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [line for line in logged if line["event"] == REAPED]


async def test_an_idle_session_is_ended_as_by_a_cleanup_and_told_and_counted(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    hooks, called = Hooks(), []

    @hooks.on_session_cleanup
    async def drop_files(session_id: str, system_id: str | None) -> None:
        called.append((session_id, system_id))

    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes, hooks=hooks) as server:
        headers = await opened(server, session)
        await reap(server, BEYOND - 1)
        assert desk.alive
        with capture_logs() as logged:
            await reap(server, 1)
        call = await server.opshub.call("/twice", headers)
        duplicate = await server.opshub.cleanup(session, headers, SYSTEM)
        counted = value(server.metrics.exposition().decode(), "connector_sessions_reaped_total", reason="idle")

    (line,) = reaped(logged)
    assert (line["reason"], line["logout"], line["hooks"]) == ("idle", "acknowledged", {"drop_files": "done"})
    assert line["eviction"] == {"memory": "evicted", "sqlite": "evicted"}
    assert session not in str(logged)
    assert (call.status, duplicate.status, duplicate.body["logout"]["outcome"]) == (401, 200, "acknowledged")
    assert (counted, called, desk.logouts.total()) == (1, [(session, "A")] * 2, 1)
    assert not await open_sessions(tmp_path)


async def test_a_session_in_use_is_left_alone_and_ended_once_its_time_is_over(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes) as server:
        headers = await opened(server, session)
        for _ in range(5):
            assert (await server.opshub.call("/twice", headers)).body == [200, 200]
            await reap(server, BEYOND - 1)
        assert desk.alive
        await reap(server, 1)

    assert not desk.alive


async def test_a_use_that_is_only_in_memory_counts_before_what_is_written(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes) as server:
        headers = await opened(server, session)
        now = await pass_time(server, BEYOND)
        await server.opshub.call("/twice", headers)
        await server.parts.reaper.reap(now)

        assert desk.alive


async def test_a_use_while_a_session_waits_for_its_turn_saves_it_even_if_written_down(
    desk: Desk, tmp_path: Path, handlers: Handlers
) -> None:
    first, second = SESSIONS[:2]
    config = f"{desk.section}{IDLE}reap_at_once = 1\n"
    async with served(tmp_path, config, routes=handlers.routes) as server, asyncio.TaskGroup() as tasks:
        await opened(server, first)
        headers = await opened(server, second)
        now = await pass_time(server, BEYOND)
        desk.ending.clear()
        reaping = tasks.create_task(server.parts.reaper.reap(now))
        await desk.logging_out.get()
        assert (await server.opshub.call("/twice", headers)).body == [200, 200]
        assert await server.parts.live.write_notes()
        desk.ending.set()
        await reaping

        assert (await server.opshub.call("/twice", headers)).body == [200, 200]
    assert await open_sessions(tmp_path) == {second}


async def test_a_call_that_outlasts_the_idle_time_is_served_whole(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes) as server, asyncio.TaskGroup() as calls:
        call = calls.create_task(server.opshub.call("/held", await opened(server, session)))
        await handlers.serving.wait()
        await reap(server, 5 * BEYOND)
        handlers.may_end.set()
        assert (await call).body == [200, 200]
        await reap(server, BEYOND - 1)
        assert desk.alive
        await reap(server, 1)

    assert not desk.alive


async def test_calls_in_the_moment_of_reaping_are_served_whole_or_401(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    told: list[tuple[int, Any]] = []

    async def use(session: str) -> None:
        """Call, and log in anew whenever that is a 401, as OpsHub does."""
        for _ in range(4):
            headers, status = await opened(server, session), HTTPStatus.OK
            while status == HTTPStatus.OK:
                answer = await server.opshub.call("/often", headers)
                status = HTTPStatus(answer.status)
                told.append((status, answer.body))

    # A tick takes no time, so that each session is beyond its time whenever no call of it runs.
    config = f"{desk.section}[sessions]\nmax_lifetime = 60\n"
    async with served(tmp_path, config, routes=handlers.routes, tick=0) as server, asyncio.TaskGroup() as calls:
        for number in range(10):
            calls.create_task(use(f"{number:08}-1111-4111-8111-111111111111"))

    assert {status for status, _ in told} == {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}
    assert {tuple(body) for status, body in told if status == HTTPStatus.OK} == {(200,) * OFTEN}
    assert not desk.alive


async def test_no_call_gets_in_between_the_reapers_last_look_and_the_sessions_death(
    desk: Desk, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path, desk.section + IDLE) as server:
        await opened(server, session)
        live, found = server.parts.live, list[bool]()
        ask = live.may_be_ended

        def asked(row: OpenSession) -> bool:
            # What runs next finds the session dead already.
            asyncio.get_running_loop().call_soon(lambda: found.append(live.is_open_here(session)))
            return ask(row)

        monkeypatch.setattr(live, "may_be_ended", asked)
        await reap(server, BEYOND)

    assert found == [False]


@pytest.mark.parametrize("first", ["the reaper", "the cleanup"])
async def test_a_cleanup_and_the_reaper_end_one_login_once(desk: Desk, session: str, tmp_path: Path, *, first: str) -> None:
    async with served(tmp_path, desk.section + IDLE) as server, asyncio.TaskGroup() as tasks:
        headers = await opened(server, session)
        now = await pass_time(server, BEYOND)
        desk.ending.clear()

        def cleanup() -> None:
            answers.append(tasks.create_task(server.opshub.cleanup(session, headers, SYSTEM)))

        answers: list[asyncio.Task[Any]] = []
        if first == "the cleanup":
            cleanup()
            await desk.logging_out.get()
        reaping = tasks.create_task(server.parts.reaper.reap(now))
        if first == "the reaper":
            await desk.logging_out.get()
            cleanup()
        desk.ending.set()
        await reaping
        answer = await answers[0]
        counted = dict(server.parts.reaper.reaped)

    assert counted == ({"idle": 1} if first == "the reaper" else {})
    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert desk.logouts.total() == 1
    assert not await open_sessions(tmp_path)


async def test_a_session_that_is_being_opened_anew_is_not_reaped(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section + IDLE) as server, asyncio.TaskGroup() as calls:
        old = await opened(server, session)
        now = await pass_time(server, BEYOND)
        desk.answering.clear()
        opening = calls.create_task(server.opshub.initialize(session, settings(), old, SYSTEM))
        await desk.logging_in.get()
        await desk.logging_in.get()
        await server.parts.reaper.reap(now)
        desk.answering.set()
        assert (await opening).status == 200
        await server.parts.reaper.reap(now)
        await desk.ended.get()

        assert len(desk.alive) == 1


async def test_a_clock_that_jumps_makes_nobody_idle_and_parks_nobody(desk: Desk, session: str, tmp_path: Path) -> None:
    clock = SetClock()
    async with served(tmp_path, desk.section + IDLE, clock=clock) as server:
        await opened(server, session)
        clock.now += DAY
        await reap(server, BEYOND - 1)
        assert desk.alive
        clock.now -= 2 * DAY
        await reap(server, 1)

    assert not desk.alive


async def test_time_without_a_server_makes_nobody_idle(desk: Desk, session: str, tmp_path: Path) -> None:
    clock = SetClock()
    async with served(tmp_path, desk.section + IDLE, clock=clock) as server:
        await opened(server, session)
        now = await pass_time(server, BEYOND - 1)
    clock.now += 30 * DAY
    async with served(tmp_path, desk.section + IDLE, clock=clock) as server:
        await server.parts.reaper.reap(now)
        assert desk.alive
        await reap(server, 1)

    assert not desk.alive


async def test_a_ledger_that_is_away_puts_reaping_off_and_is_told_once(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section + IDLE) as server:
        await opened(server, session)
        now, reaper = await pass_time(server, BEYOND), server.parts.reaper
        with capture_logs() as logged:
            (tmp_path / "ledger.sqlite3").rename(tmp_path / "away")
            for _ in range(3):
                assert await reaper.pass_time() is None
                await reaper.reap(now)
            assert desk.alive
            (tmp_path / "away").rename(tmp_path / "ledger.sqlite3")
            await reap(server, 1)

    assert not desk.alive
    assert [line["event"] for line in logged if "ledger" in line["event"]] == [
        "the ledger does not work: nobody becomes idle, and nothing is reaped until it does",
        "the ledger works again: idle sessions are reaped",
    ]


async def test_a_reap_of_an_end_system_that_is_away_is_a_debt_and_is_done_later(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section + IDLE) as server:
        await opened(server, session)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        with capture_logs() as logged:
            await reap(server, BEYOND)
        assert not await open_sessions_of(server)
        assert desk.alive
        desk.status = HTTPStatus.OK
        await desk.ended.get()

        async def is_closed() -> bool:
            return not (await server.parts.ledger.statistics()).owed

        await until(is_closed)

    assert [line["logout"] for line in reaped(logged)] == ["pending"]
    assert not desk.alive


async def two_tries_to_record(server: Served) -> None:
    """Wait until it was tried twice to record what the ledger could not take. After the first try a login would be ended."""
    tries, record = asyncio.Semaphore(0), server.parts.ledger.record_late

    async def counted(missed: Missed) -> None:
        tries.release()
        await record(missed)

    with in_place_of(server.parts.ledger, "record_late", counted):
        for _ in range(2):
            await tries.acquire()


async def test_what_the_ledger_cannot_close_for_now_is_logged_out_only_once_it_can(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section + IDLE) as server:
        headers = await opened(server, session)
        now = await pass_time(server, BEYOND)
        (idle,) = await server.parts.ledger.idle(unused_since=now, opened_since=None, unanswered_since=None, limit=1)
        (tmp_path / "ledger.sqlite3").rename(tmp_path / "away")
        with capture_logs() as logged, pytest.raises(LedgerUnavailable):
            await server.parts.reaper.reap_one(Overdue(idle, Reason.IDLE), lambda _: False)
        await two_tries_to_record(server)  # in which a login that a cleanup has left would be ended without the ledger
        assert desk.alive, "after a kill, its row would say that it is open"
        (tmp_path / "away").rename(tmp_path / "ledger.sqlite3")
        await desk.ended.get()
        assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == HTTPStatus.OK

    assert not reaped(logged)
    assert not desk.alive


async def open_sessions_of(server: Served) -> set[str]:
    return {*(await server.parts.ledger.known_sessions()).logins}


async def test_what_has_begun_when_the_server_stops_is_finished_and_nothing_begins_after(desk: Desk, tmp_path: Path) -> None:
    config = f"{desk.section}{IDLE}reap_at_once = 1\n"
    async with asyncio.TaskGroup() as tasks, served(tmp_path, config) as server:
        for session in SESSIONS:
            await opened(server, session)
        now = await pass_time(server, BEYOND)
        desk.ending.clear()
        reaping = tasks.create_task(server.parts.reaper.reap(now))
        await desk.logging_out.get()
        drained = tasks.create_task(server.parts.drain(30))
        await asyncio.sleep(0)
        desk.ending.set()
        assert await drained == 0
        await reaping

    assert desk.logouts.total() == 1
    assert len(desk.alive) == len(await open_sessions(tmp_path)) == len(SESSIONS) - 1


async def test_a_session_that_is_cleaned_up_while_it_waits_for_its_turn_is_not_reaped(desk: Desk, tmp_path: Path) -> None:
    first, second = SESSIONS[:2]
    config = f"{desk.section}{IDLE}reap_at_once = 1\n"
    async with served(tmp_path, config) as server, asyncio.TaskGroup() as tasks:
        await opened(server, first)
        headers = await opened(server, second)
        now = await pass_time(server, BEYOND)
        desk.ending.clear()
        reaping = tasks.create_task(server.parts.reaper.reap(now))
        await desk.logging_out.get()
        cleanup = tasks.create_task(server.opshub.cleanup(second, headers, SYSTEM))
        await desk.logging_out.get()
        desk.ending.set()
        await reaping
        assert (await cleanup).body["logout"]["outcome"] == "acknowledged"
        assert server.parts.reaper.reaped == {"idle": 1}


async def test_a_session_beyond_its_lifetime_ends_between_two_calls_though_it_is_in_use(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    config = f"{desk.section}[sessions]\nmax_lifetime = 60\n"
    async with served(tmp_path, config, routes=handlers.routes) as server, asyncio.TaskGroup() as calls:
        headers = await opened(server, session)
        call = calls.create_task(server.opshub.call("/held", headers))
        await handlers.serving.wait()
        with capture_logs() as logged:
            now = await pass_time(server, BEYOND)
            await server.parts.reaper.reap(now)
            handlers.may_end.set()
            assert (await call).body == [200, 200]
            await server.parts.reaper.reap(now)
        assert (await server.opshub.call("/twice", headers)).status == 401

    assert [line["reason"] for line in reaped(logged)] == ["lifetime"]


async def test_a_shared_login_stays_for_the_sessions_that_use_it(desk: Desk, tmp_path: Path, handlers: Handlers) -> None:
    desk.only_token = ONLY
    idle, used = SESSIONS[:2]
    async with served(tmp_path, section(desk, tmp_path) + IDLE, routes=handlers.routes) as server:
        await opened(server, idle)
        headers = await opened(server, used)
        now = await pass_time(server, BEYOND)
        await server.opshub.call("/twice", headers)
        with capture_logs() as logged:
            await server.parts.reaper.reap(now)
            assert (await server.opshub.call("/twice", headers)).body == [200, 200]
            await reap(server, BEYOND)

    assert [line["logout"] for line in reaped(logged)] == ["not_applicable", "acknowledged"]
    assert desk.logouts == {ONLY: 1}


async def test_a_login_that_has_ended_by_itself_and_was_seen_to_work_is_proved(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes) as server:
        await server.opshub.call("/twice", await opened(server, session))
        desk.alive.clear()
        with capture_logs() as logged:
            await reap(server, BEYOND)
        unproved = server.parts.doubts.unproved

    assert [line["logout"] for line in reaped(logged)] == ["already_out"]
    assert unproved == 0


async def test_a_login_that_was_renewed_is_ended_by_its_newest_credential(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=handlers.routes) as server:
        headers = await opened(server, session)
        desk.alive = {RENEWED}
        assert (await server.opshub.call("/renew", headers)).status == 200
        await reap(server, BEYOND)

    assert desk.logouts == {RENEWED: 1}
    assert not desk.alive


async def test_a_call_counts_from_before_its_session_is_known_to_be_alive(tmp_path: Path, session: str) -> None:
    async with reception(tmp_path, ReceivingEndSystem()) as parts, asyncio.TaskGroup() as tasks:
        result = await parts.openings.open(OpeningRequest(session, "A", {}))
        sealed = parts.sealed(result)
        row = OpenSession(session, "A", "", sealed.login_id, 0.0, 0.0)
        renewals = Renewals(parts.ledger, parts.live, nudge=lambda: None)
        in_use = SessionsInUse(parts.seals, parts.live, Caches(Entries(parts.storage), Loads()), parts.logouts, renewals)
        finished = asyncio.Event()

        async def call() -> None:
            assert isinstance(result, Opened)
            async with in_use.of([result.headers[HEADER]]):
                await finished.wait()

        # It was found alive, and waits for a renewal: the ledger does not write it down.
        parts.ledger.writing.clear()
        renewing = tasks.create_task(renewals.renew(sealed, with_values({"X-Token": "new"})))
        calling = tasks.create_task(call())

        async def counts() -> bool:
            return not parts.live.may_be_ended(row)

        await until(counts)
        parts.ledger.writing.set()
        await renewing
        assert not parts.live.may_be_ended(row)
        finished.set()
        await calling
        assert parts.live.may_be_ended(row)


@pytest.mark.parametrize(
    ("config", "with_routes", "seconds"),
    [
        ("", True, DAY),
        ("", False, None),
        ("idle_timeout = 120", False, 120),
        ("idle_timeout = 120", True, 120),
        ('idle_timeout = "off"', True, None),
    ],
)
async def test_idle_sessions_are_ended_by_default_where_their_calls_are_seen(
    desk: Desk, session: str, tmp_path: Path, handlers: Handlers, *, config: str, with_routes: bool, seconds: int | None
) -> None:
    routes = handlers.routes if with_routes else ()
    async with served(tmp_path, f"{desk.section}[sessions]\n{config}\n", routes=routes) as server:
        await opened(server, session)
        assert await server.parts.live.write_notes()
        await server.parts.reaper.reap((seconds or DAY) // 60)
        assert desk.alive
        await server.parts.reaper.reap((seconds or DAY) // 60 + 1)

    assert bool(desk.alive) == (seconds is None)


@pytest.mark.parametrize("with_routes", [True, False])
async def test_a_session_whose_first_answer_was_lost_ends_after_a_grace_where_use_is_seen(
    tmp_path: Path, handlers: Handlers, *, with_routes: bool
) -> None:
    async with ledger_in(tmp_path) as ledger:
        await open_(ledger, replace(in_ledger(1), credential=None))
    async with served(tmp_path, routes=handlers.routes if with_routes else ()) as server:
        with capture_logs() as logged:
            await server.parts.reaper.reap(10)
            assert not reaped(logged)
            await server.parts.reaper.reap(11)

    assert [line["reason"] for line in reaped(logged)] == (["unanswered"] if with_routes else [])
