"""Sessions that nobody cleans up: each replica looks for them, and one of them ends each."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from connector.admin.closing import Closing
from connector.cleanups.hooks import Hooks
from connector.model.cleanup import CleanupReport
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import HookResult
from connector.model.sessions import Reason
from connector.sessions import last_calls
from connector.workers.overdue import Overdue
from tests.e2e.opshub import Answer
from tests.fleet.gates import Gate, counted, gate_after, gate_before, in_place_of
from tests.fleet.replicas import ROUTES, Fleet, Replica, eventually, me

WITHIN = 10.0
"""Seconds for what is certain to come."""
REAPED = "a session that nobody has cleaned up is reaped"
LONG_AGO = 10_000
"""Ticks: longer than any session may be unused."""


class Lounge:
    """Where calls of sessions stay until they are sent on. Then they ask whether their login is alive."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.closing = asyncio.Event()

    async def stay(self, request: web.Request) -> web.Response:
        self.entered.set()
        await self.closing.wait()
        return await me(request)


@dataclass(frozen=True, slots=True)
class Stay:
    """A call that runs at a replica."""

    lounge: Lounge
    call: "asyncio.Task[Answer]"

    async def is_served(self) -> bool:
        """Send the call on, and tell whether its login was alive until then."""
        self.lounge.closing.set()
        return bool((await self.call).body["alive"])


@pytest.fixture
def lounge() -> Lounge:
    return Lounge()


class Drawer:
    """What an author keeps of sessions, and deletes when one is cleaned up."""

    def __init__(self) -> None:
        self.hooks = Hooks()
        self.emptied: list[str] = []
        self.hooks.on_session_cleanup(self.empty)

    async def empty(self, session_id: str, system_id: str | None) -> None:
        del system_id
        self.emptied.append(session_id)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def fleet(fleet: Fleet, lounge: Lounge, drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Replicas with a lounge and a hook. Who reaps asks often whether the others have looked."""
    monkeypatch.setattr(last_calls, "ASK_EVERY", 0.02)
    return replace(fleet, routes=[*ROUTES, web.get("/stay", lounge.stay)], hooks=drawer.hooks)


async def opened(replica: Replica, session: str) -> dict[str, str]:
    """Open a session, and have the ledger know that it was used until now."""
    headers = await replica.opened(session)
    assert await replica.live.write_notes()
    return headers


async def a_call_of(replica: Replica, headers: dict[str, str], lounge: Lounge) -> Stay:
    call = asyncio.create_task(replica.opshub.call("/stay", headers))
    await lounge.entered.wait()
    return Stay(lounge, call)


async def reap_one(replica: Replica) -> bool:
    """Reap the only session that there is now."""
    since = {"unused_since": LONG_AGO, "opened_since": None, "unanswered_since": None}
    (session,) = await replica.ledger.idle(**since, limit=2)
    return await replica.parts.reaper.reap_one(Overdue(session, Reason.IDLE), lambda _: False)


async def failing(*_: object, **__: object) -> None:
    raise LedgerUnavailable("as the test wants it")


@asynccontextmanager
async def about_to_end(replica: Replica, session: str) -> AsyncIterator[tuple[Gate, "asyncio.Task[CleanupReport]"]]:
    """Let an administrator end the login that he is shown, and give the gate before its record."""
    served = replica.parts.served
    closing = Closing(replica.ledger, replica.live, served.planner, served.orchestrator, served.metrics)
    login = await replica.live.login_now(session)
    assert login is not None
    with gate_before(replica.ledger, "record") as ends:
        close = asyncio.create_task(closing.close(session, login))
        await ends.met()
        yield ends, close


def hooks_of_the_reap(logged: Sequence[Mapping[str, Any]]) -> object:
    (line,) = [line for line in logged if line["event"] == REAPED]
    return line["hooks"]


async def begun_to_reap(replica: Replica) -> "asyncio.Task[bool]":
    """Let a replica reap, and wait until the end of the session is durable there."""
    with gate_after(replica.ledger, "record") as recorded:
        reaping = asyncio.create_task(reap_one(replica))
        await recorded.met()
        recorded.open()
    return reaping


async def look_often(*replicas: Replica) -> None:
    """Let all look three times which sessions were ended, and who reaps ask for that."""
    with counted(replicas[0].ledger, "looks") as asked:
        for replica in replicas * 3:
            await replica.live.look()
        before = len(asked)
        async with asyncio.timeout(WITHIN):
            await eventually(lambda: len(asked) > before + 2)


async def test_a_session_that_another_replica_is_ending_is_not_reaped_once_more(fleet: Fleet) -> None:
    sessions = [str(uuid4()) for _ in range(2)]
    async with fleet.replicas() as (one, other):
        for session in sessions:
            await one.opened(session)
        await one.live.write_notes()
        fleet.desk.ending.clear()
        with gate_after(other.ledger, "idle") as listed:
            late = asyncio.create_task(other.parts.reaper.reap(LONG_AGO))
            await listed.met()
            first = asyncio.create_task(one.parts.reaper.reap(LONG_AGO))
            for _ in sessions:
                await fleet.desk.logging_out.get()
            listed.open()
            await late
        fleet.desk.ending.set()
        await first
        await eventually(lambda: not fleet.desk.alive)

    assert [*fleet.desk.logouts.values()] == [1, 1]


async def test_a_session_that_is_used_elsewhere_is_not_reaped(fleet: Fleet, session: str) -> None:
    async with replace(fleet, tick=3600).replicas() as (one, other):
        headers = await one.opened(session)
        for _ in range(5):
            await other.status(headers)
            assert await other.live.write_notes()
            now = await one.parts.reaper.pass_time()
        assert now is not None
        await one.parts.reaper.reap(now)
        status = await one.status(headers)

    assert status == 200


async def test_a_call_elsewhere_in_the_moment_of_reaping_is_served_whole(fleet: Fleet, session: str, lounge: Lounge) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        stay = await a_call_of(other, headers, lounge)
        reaping = await begun_to_reap(one)
        await look_often(one, other)
        status = await other.status(headers)
        assert not fleet.desk.logouts
        assert await stay.is_served()
        await reaping

    assert status == 401
    assert ([*fleet.desk.logouts.values()], fleet.desk.alive) == ([1], set())


async def test_a_call_here_before_the_end_is_durable_is_served_whole(fleet: Fleet, session: str, lounge: Lounge) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        with gate_before(one.ledger, "record") as ends:
            reaping = asyncio.create_task(reap_one(one))
            await ends.met()
            stay = await a_call_of(one, headers, lounge)
            ends.open()
        await look_often(one, other)
        assert await stay.is_served()
        await reaping

    assert not fleet.desk.alive


async def test_a_look_that_has_begun_before_the_end_does_not_count(fleet: Fleet, session: str, lounge: Lounge) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        stay = await a_call_of(other, headers, lounge)
        with gate_after(other.ledger, "changed_logins") as late, counted(one.ledger, "looks") as asked:
            look = asyncio.create_task(other.live.look())
            await late.met()
            reaping = await begun_to_reap(one)
            async with asyncio.timeout(WITHIN):
                await eventually(lambda: bool(asked))
            late.open()
            await look
        await look_often(one, other)
        assert await stay.is_served()
        await reaping

    assert not fleet.desk.alive


async def test_a_replica_that_never_looks_keeps_a_login_for_some_seconds_only(
    fleet: Fleet, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_calls, "BOUND", 0.2)
    async with fleet.replicas() as (one, other):
        await opened(one, session)
        with gate_before(other.live, "look"):
            await reap_one(one)
            assert not fleet.desk.alive


async def test_nobody_waits_for_a_replica_that_has_ended(fleet: Fleet, session: str) -> None:
    async with fleet.replica("one") as one:
        await opened(one, session)
        async with fleet.replica("other") as other:
            with gate_before(other.live, "look"):
                reaping = await begun_to_reap(one)
        async with asyncio.timeout(last_calls.BOUND / 2):
            await reaping

    assert not fleet.desk.alive


async def test_a_login_that_is_cleaned_up_while_a_reap_waits_is_logged_out_once(
    fleet: Fleet, session: str, lounge: Lounge
) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        stay = await a_call_of(other, headers, lounge)
        reaping = await begun_to_reap(one)
        cleaned = await other.cleanup(session, headers)
        await stay.is_served()
        await reaping

    assert cleaned.status == 200
    assert ([*fleet.desk.logouts.values()], fleet.desk.alive) == ([1], set())


async def test_a_logout_that_could_not_be_settled_after_the_wait_is_retried(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, _):
        await opened(one, session)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        with in_place_of(one.ledger, "settle", failing):
            await reap_one(one)
        fleet.desk.status = HTTPStatus.OK
        async with asyncio.timeout(WITHIN):
            await eventually(lambda: not fleet.desk.alive)


async def test_a_session_that_is_opened_anew_while_a_reap_waits_stays_open(fleet: Fleet, session: str, lounge: Lounge) -> None:
    async with fleet.replicas() as (one, other):
        stay = await a_call_of(other, await opened(one, session), lounge)
        reaping = await begun_to_reap(one)
        new = await other.opened(session)
        assert await stay.is_served()
        await reaping
        status = await one.status(new)

    assert (status, len(fleet.desk.alive)) == (200, 1)


async def test_a_session_that_is_opened_anew_before_its_reap_is_durable_stays_open(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        await opened(one, session)
        with gate_before(one.ledger, "record") as ends:
            reaping = asyncio.create_task(reap_one(one))
            await ends.met()
            new = await other.opened(session)
            ends.open()
            await reaping
        status = await other.status(new)

    assert (status, len(fleet.desk.alive)) == (200, 1)


async def test_an_administrator_ends_the_login_that_he_was_shown_and_no_later_one(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        await opened(one, session)
        async with about_to_end(one, session) as (ends, close):
            new = await other.opened(session)
            ends.open()
            await close
        status = await other.status(new)

    assert (status, len(fleet.desk.alive)) == (200, 1)


async def test_a_session_whose_use_was_noted_elsewhere_since_it_was_listed_stays(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        with gate_after(one.ledger, "idle") as listed:
            reaping = asyncio.create_task(one.parts.reaper.reap(LONG_AGO))
            await listed.met()
            await other.status(headers)
            assert await other.live.write_notes()
            listed.open()
            await reaping
        status = await one.status(headers)

    assert status == 200


async def test_hooks_of_a_reap_leave_a_session_alone_that_is_open_anew(
    fleet: Fleet, session: str, lounge: Lounge, drawer: Drawer
) -> None:
    async with fleet.replicas() as (one, other):
        stay = await a_call_of(other, await opened(one, session), lounge)
        with capture_logs() as logged:
            reaping = await begun_to_reap(one)
            await other.opened(session)
            drawer.emptied.clear()
            assert await stay.is_served()
            await reaping

    assert not drawer.emptied
    assert hooks_of_the_reap(logged) == {"empty": "skipped"}


async def test_hooks_of_a_reap_run_if_nobody_has_opened_its_session_anew(fleet: Fleet, session: str, drawer: Drawer) -> None:
    async with fleet.replicas() as (one, _):
        await opened(one, session)
        with capture_logs() as logged:
            await reap_one(one)

    assert drawer.emptied == [session]
    assert hooks_of_the_reap(logged) == {"empty": "done"}


async def test_hooks_of_a_reap_are_skipped_if_the_ledger_does_not_tell_who_is_open(
    fleet: Fleet, session: str, drawer: Drawer
) -> None:
    async with fleet.replicas() as (one, _):
        await opened(one, session)
        with in_place_of(one.ledger, "login_now", failing), capture_logs() as logged:
            await reap_one(one)

    assert not drawer.emptied
    assert hooks_of_the_reap(logged) == {"empty": "skipped"}
    assert not fleet.desk.alive


async def test_hooks_of_an_administrators_end_leave_a_session_alone_that_is_open_anew(
    fleet: Fleet, session: str, drawer: Drawer
) -> None:
    async with fleet.replicas() as (one, other):
        await opened(one, session)
        async with about_to_end(one, session) as (ends, close):
            await other.opened(session)
            drawer.emptied.clear()
            ends.open()
            report = await close

    assert not drawer.emptied
    assert [step.outcome.result for step in report.hooks.values()] == [HookResult.SKIPPED]


async def test_a_reap_that_cannot_be_recorded_pauses_and_counts_as_none(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, _):
        headers = await opened(one, session)
        with (
            in_place_of(one.ledger, "record", failing),
            counted(one.live, "still_open") as tries,
            capture_logs() as logged,
        ):
            async with asyncio.timeout(WITHIN):
                await one.parts.reaper.reap(LONG_AGO)
        status = await one.status(headers)

    assert len(tries) == 1
    assert not one.parts.reaper.reaped
    assert REAPED not in [line["event"] for line in logged]
    assert status == 200


async def test_a_session_whose_reap_could_not_be_recorded_lives_on(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await opened(one, session)
        with in_place_of(one.ledger, "record", failing), pytest.raises(LedgerUnavailable):
            await reap_one(one)
        statuses = [await each.status(headers) for each in (other, one)]
        kept = len(one.live.unrecorded)
        await one.caught_up()
        statuses += [await each.status(headers) for each in (other, one)]
        assert not fleet.desk.logouts
        await reap_one(one)

    assert (statuses, kept) == ([200] * 4, 0)
    assert not fleet.desk.alive


async def test_a_login_whose_cleanup_could_not_be_recorded_is_not_reaped(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, _):
        headers = await opened(one, session)
        with in_place_of(one.ledger, "record", failing), in_place_of(one.ledger, "record_late", failing):
            await one.cleanup(session, headers)
            with counted(one.ledger, "record") as asked:
                assert not await reap_one(one)
        await one.caught_up()

    assert not asked
    assert not fleet.desk.alive
