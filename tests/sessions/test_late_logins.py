"""Logins that outlast whoever asked for them: what they make is ended or owed, whatever becomes of the server."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from connector.endsystems.end_system import LoginOutcome
from connector.model.outcomes import LoginResult
from connector.sessions.opening_outcomes import NotOpened, OpeningRequest
from tests.e2e.connector_process import WITHIN, connector_process
from tests.e2e.opshub import OpsHub
from tests.ledger.ledgers import until
from tests.sessions.desk import Desk, settings
from tests.sessions.reception import OPENS, ReceivingEndSystem, Reception, credential, reception
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM

UNKNOWN = "nobody knows what a login has made: end it in the end system if it is there; `connector sessions list --state unknown`"
SOON = 2.0
"""Seconds after which an end system that a test holds up is late."""


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Reception]:
    """An end system that answers no login before it is told to."""
    end_system = ReceivingEndSystem()
    end_system.answering.clear()
    async with reception(tmp_path, end_system, deadline=SOON) as parts:
        yield parts
        end_system.answering.set()


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Reception]:
    async with reception(tmp_path, ReceivingEndSystem()) as parts:
        yield parts


async def owed(parts: Reception) -> list[object]:
    """The credentials of the logins that the retries would end now."""
    return [debt.credential for debt in await parts.ledger.claim_due(time.time(), per_origin=100, limit=100)]


async def open_logins(parts: Reception) -> set[str]:
    return {*(await parts.ledger.known_sessions()).logins.values()}


async def test_a_login_past_its_deadline_is_answered_as_late_and_owed_once_made(slow: Reception, session: str) -> None:
    late = await slow.openings.open(OpeningRequest(session, "A", {}))
    assert isinstance(late, LoginOutcome)
    assert (late.result, late.code) == (LoginResult.UNAVAILABLE, "timeout")
    assert await owed(slow) == []

    slow.end_system.answering.set()
    await asyncio.wait_for(slow.nudged.wait(), WITHIN)
    assert await owed(slow) == [credential(1)]
    assert await open_logins(slow) == set()


async def test_a_late_login_that_fails_half_way_is_owed_as_far_as_it_was_made(tmp_path: Path, session: str) -> None:
    class HalfMade(ReceivingEndSystem):
        async def login(self, session_id: str, settings: object) -> LoginOutcome:
            made = await super().login(session_id, settings)
            return LoginOutcome(LoginResult.REFUSED, made.credential)

    end_system = HalfMade()
    end_system.answering.clear()
    async with reception(tmp_path, end_system, deadline=SOON) as parts:
        await parts.openings.open(OpeningRequest(session, "A", {}))
        end_system.answering.set()
        await parts.logins.drain(WITHIN)
        assert await owed(parts) == [credential(1)]


async def test_a_login_whose_caller_was_cancelled_is_owed_once_it_is_made(slow: Reception, session: str) -> None:
    caller = asyncio.create_task(slow.openings.open(OpeningRequest(session, "A", {})))
    await slow.end_system.logging_in.wait()
    caller.cancel()
    await asyncio.wait([caller])
    slow.end_system.answering.set()
    await slow.logins.drain(WITHIN)
    assert await owed(slow) == [credential(1)]


async def test_a_late_login_by_a_credential_that_the_session_is_open_with_is_not_owed(slow: Reception, session: str) -> None:
    slow.end_system.number = 7
    await slow.openings.open(OpeningRequest(session, "A", {}))
    answering_the_first, slow.end_system.answering = slow.end_system.answering, asyncio.Event()
    slow.end_system.answering.set()
    sealed = await slow.opened(OpeningRequest(session, "A", {}))
    answering_the_first.set()
    await slow.logins.drain(WITHIN)
    assert sealed.credential == credential(7)
    assert await owed(slow) == []
    assert await open_logins(slow) == {sealed.login_id}


async def test_an_endless_login_is_cancelled_and_logged_after_ten_deadlines(tmp_path: Path, session: str) -> None:
    end_system = ReceivingEndSystem()
    end_system.answering.clear()
    with capture_logs() as logs:
        async with reception(tmp_path, end_system, deadline=0.02) as parts:
            await parts.openings.open(OpeningRequest(session, "A", {}))
            assert await parts.logins.drain(WITHIN) == 0
            assert (await parts.ledger.statistics()).unknown == 1
            assert not parts.live.may_have_row(session)
    assert [(line["event"], line["reason"]) for line in logs if line["log_level"] == "error"] == [(UNKNOWN, "no answer came")]


async def test_a_login_of_a_profile_that_is_never_answered_is_told_in_the_log(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    async with served(tmp_path, f"{desk.section}deadlines = {{ total = 0.3 }}\n") as server:
        answer = await server.opshub.initialize(session, settings())
        with capture_logs() as logs:
            await until(partial(has_an_error, logs))
    assert answer.body["errors"]["code"] == "timeout"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [UNKNOWN]


async def has_an_error(logs: Sequence[Mapping[str, Any]]) -> bool:
    return any(line["log_level"] == "error" for line in logs)


async def test_a_login_that_is_broken_off_may_still_say_what_it_has_made(tmp_path: Path, session: str) -> None:
    class Conscientious(ReceivingEndSystem):
        async def login(self, session_id: str, settings: object) -> LoginOutcome:
            try:
                return await super().login(session_id, settings)
            except asyncio.CancelledError:
                return LoginOutcome(LoginResult.UNAVAILABLE, credential(1))

    end_system = Conscientious()
    end_system.answering.clear()
    async with reception(tmp_path, end_system, deadline=0.02) as parts:
        await parts.openings.open(OpeningRequest(session, "A", {}))
        await parts.logins.drain(0)
        assert await owed(parts) == [credential(1)]


async def test_what_follows_a_login_is_finished_whatever_the_deadline_of_the_shutdown(slow: Reception, session: str) -> None:
    slow.end_system.answering.set()
    reached, go_on = slow.held_at(OPENS)
    opening = asyncio.create_task(slow.openings.open(OpeningRequest(session, "A", {})))
    await asyncio.wait_for(reached.wait(), WITHIN)
    opening.cancel()
    shutdown = asyncio.create_task(slow.logins.drain(0))
    await asyncio.wait([shutdown], timeout=0.5)
    assert not shutdown.done()
    go_on.set()
    assert await shutdown == 0
    assert await owed(slow) == [credential(1)], "nobody was given its seal"
    assert await open_logins(slow) == set()


async def test_a_caller_who_leaves_during_the_eviction_leaves_no_login_behind(quick: Reception, session: str) -> None:
    evicting, go_on, wanted = asyncio.Event(), asyncio.Event(), True

    async def held() -> None:
        evicting.set()
        await go_on.wait()

    await quick.opened(OpeningRequest(session, "A", {}))
    quick.drivers[0].before_evict = held
    opening = asyncio.create_task(quick.openings.open(OpeningRequest(session, "A", {}), lambda: wanted))
    await asyncio.wait_for(evicting.wait(), WITHIN)
    wanted = False
    go_on.set()
    assert await opening is NotOpened.OVERTAKEN
    assert await owed(quick) == [credential(1), credential(2)]
    assert await open_logins(quick) == set()
    assert not quick.live.is_open_here(session)


async def test_a_caller_who_leaves_during_the_recording_ends_the_replaced_seal_too(quick: Reception, session: str) -> None:
    wanted = True
    old = await quick.opened(OpeningRequest(session, "A", {}))
    reached, go_on = quick.held_at(OPENS)
    opening = asyncio.create_task(quick.openings.open(OpeningRequest(session, "A", {}), lambda: wanted))
    await asyncio.wait_for(reached.wait(), WITHIN)
    wanted = False
    go_on.set()
    assert await opening is NotOpened.OVERTAKEN
    assert await owed(quick) == [credential(1), credential(2)]
    assert not await quick.live.is_alive(old)


async def test_a_server_that_is_being_stopped_begins_no_login(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub, asyncio.TaskGroup() as calls:
            opening = calls.create_task(opshub.initialize(session, settings(), query=SYSTEM))
            await desk.logging_in.get()
            server.process.send_signal(signal.SIGTERM)
            await opshub.until_ready_answers(503)
            refused = await opshub.initialize(str(uuid4()), settings(), query=SYSTEM)
            desk.answering.set()
        assert (refused.status, refused.body["errors"]["code"]) == (503, "stopping")
        assert "Retry-After" in refused.headers
        assert (opening.result().status, desk.logins) == (200, 1)
        assert await server.exit_code() == 0


async def test_of_logins_that_replace_each_other_the_last_one_stays_in_memory(quick: Reception, session: str) -> None:
    for _ in range(3):
        last = await quick.opened(OpeningRequest(session, "A", {}))
    assert quick.live.closing(session) == (last.login_id,)


async def test_a_stopping_server_waits_for_a_login_and_records_it_if_it_cannot_end_it(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    with connector_process(tmp_path, f"{desk.section}[server.deadlines]\nshutdown = 0.001\n") as server:
        async with OpsHub(server.url) as opshub:
            opening = asyncio.create_task(opshub.initialize(session, settings(), query=SYSTEM))
            token = await desk.logging_in.get()
            opening.cancel()
            await asyncio.wait([opening])
            server.process.send_signal(signal.SIGTERM)
            await opshub.until_ready_answers(503)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        desk.answering.set()
        assert await server.exit_code() == 0
    desk.status = HTTPStatus.OK
    with connector_process(tmp_path, desk.section):
        assert await asyncio.wait_for(desk.ended.get(), WITHIN) == token
    assert not desk.alive
