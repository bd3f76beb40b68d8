"""What could be neither recorded nor ended: kept, and tried until one of the two works, at the end of the server too."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from connector.model.cleanup import Missed
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession
from connector.sessions import opening_records, unrecorded
from connector.sessions.opening_outcomes import NotOpened, OpeningRequest
from connector.sessions.unrecorded import Unrecorded
from tests.assembly import a_ledger, cleaner
from tests.doubles import ACKNOWLEDGED, ScriptedDriver, ScriptedEndSystem
from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.ledger.ledgers import ORIGIN, raw, request, until
from tests.sessions.desk import Desk, settings
from tests.sessions.reception import ReceivingEndSystem, reception
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM
from tests.sessions.test_missed import has_no_open_session, out_of_order

AWAY = LogoutOutcome(LogoutResult.PENDING, "timeout")
REFUSED = LogoutOutcome(LogoutResult.REFUSED)


async def states(folder: Path) -> list[str]:
    """The states of what is owed."""
    with raw(folder) as file:
        return [state for (state,) in file.execute("SELECT state FROM debts ORDER BY id")]


async def is_closed(folder: Path) -> bool:
    return await has_no_open_session(folder) and {*await states(folder)} == {"closed"}


@asynccontextmanager
async def login_in_vain(server: Served, desk: Desk, session: str) -> AsyncIterator[str]:
    """Have the end system make a login that cannot be ended, and that the ledger cannot take as long as the context is open."""
    desk.answering.clear()
    opening = asyncio.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
    token = await desk.logging_in.get()
    desk.status = HTTPStatus.SERVICE_UNAVAILABLE
    with out_of_order(server.folder):
        desk.answering.set()
        answer = await opening
        assert (answer.status, answer.body["errors"]["code"]) == (503, "ledger_unavailable")
        assert "is ended" not in answer.text
        yield token


async def test_a_login_neither_recorded_nor_ended_is_ended_once_the_ledger_works(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        async with login_in_vain(server, desk, session) as token:
            pass
        await until(partial(has_states, tmp_path, ["owed"]))
        desk.status = HTTPStatus.OK
        assert await desk.ended.get() == token
    assert not desk.alive


async def has_states(folder: Path, expected: list[str]) -> bool:
    return await states(folder) == expected


async def test_a_login_neither_recorded_nor_ended_is_ended_once_the_end_system_is_back(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server, login_in_vain(server, desk, session) as token:
        await until(partial(was_refused, desk, token))
        desk.status = HTTPStatus.OK
        assert await desk.ended.get() == token
    assert (await states(tmp_path), await has_no_open_session(tmp_path)) == ([], True)


async def was_refused(desk: Desk, token: str) -> bool:
    return desk.logouts[token] > 0


async def test_a_login_cleaned_up_in_vain_is_ended_once_the_end_system_is_back(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        with out_of_order(tmp_path):
            desk.status = HTTPStatus.SERVICE_UNAVAILABLE
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 503
            desk.status = HTTPStatus.OK
            await desk.ended.get()
            assert not await has_no_open_session(tmp_path)
        await until(partial(is_closed, tmp_path))
    assert not desk.alive


@contextmanager
def hidden(folder: Path) -> Iterator[None]:
    """Take the ledger's file out of the server's sight."""
    file = folder / "ledger.sqlite3"
    file.rename(folder / "away")
    try:
        yield
    finally:
        (folder / "away").rename(file)


async def until_nobody_listens(opshub: OpsHub) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await opshub.until_ready_answers(0)


def events(server: ConnectorProcess) -> list[str]:
    return [json.loads(line)["event"] for line in server.log.read_text().splitlines()]


KEPT_HERE = '[ledger]\npath = "ledger.sqlite3"\n'
AT_ONCE = f"{KEPT_HERE}[server.deadlines]\nshutdown = 1\n"


async def test_what_could_be_neither_recorded_nor_ended_is_recorded_while_the_server_ends(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    with connector_process(tmp_path, desk.section + KEPT_HERE) as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            desk.status = HTTPStatus.SERVICE_UNAVAILABLE
            with hidden(tmp_path):
                assert (await opshub.cleanup(session, headers, SYSTEM)).status == 503
                server.process.send_signal(signal.SIGTERM)
                await until_nobody_listens(opshub)
        assert await server.exit_code() == 0
    assert (await states(tmp_path), await has_no_open_session(tmp_path)) == (["owed"], True)


async def test_a_server_that_ends_tells_of_a_login_neither_recorded_nor_ended(desk: Desk, session: str, tmp_path: Path) -> None:
    with connector_process(tmp_path, desk.section + AT_ONCE) as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            desk.status = HTTPStatus.SERVICE_UNAVAILABLE
            with hidden(tmp_path):
                assert (await opshub.cleanup(session, headers, SYSTEM)).status == 503
                server.process.send_signal(signal.SIGTERM)
                assert await server.exit_code() == 0
    assert "A LOGIN COULD BE NEITHER RECORDED NOR ENDED: end it in the end system by hand" in events(server)


async def test_a_cleanup_that_is_broken_off_before_it_was_recorded_is_kept(tmp_path: Path) -> None:
    asked, done = asyncio.Event(), asyncio.Event()

    async def hang(_: object) -> LogoutOutcome:
        asked.set()
        await done.wait()
        return ACKNOWLEDGED

    driver = ScriptedDriver("memory", ScriptedDriver.Settings())
    async with a_ledger(tmp_path).opened() as ledger:
        does = cleaner(ScriptedEndSystem(hang), [driver], ledger)
        with out_of_order(tmp_path):
            cleanup = asyncio.create_task(does.orchestrator.cleanup(request(1)))
            await asyncio.wait_for(asked.wait(), WITHIN)
            await does.orchestrator.drain(0)
            await asyncio.wait([cleanup])
        done.set()
        assert len(does.unrecorded) == 1
        await does.catching_up.finish(WITHIN)
        (debt,) = await ledger.listing()
    assert (debt.state, {*debt.evictions}) == (LogoutState.OWED, {"memory"})
    assert len(does.unrecorded) == 0


async def test_where_the_ledger_could_not_take_too_much_no_login_is_begun(
    tmp_path: Path, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening_records, "MOST", 1)
    async with reception(tmp_path, ReceivingEndSystem()) as parts:
        parts.live.unrecorded.keep_login(login(1))
        assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.NOT_RECORDED
        assert parts.end_system.logins == 0


def login(number: int) -> OpenSession:
    return OpenSession(str(uuid4()), "A", ORIGIN, f"l{number}", 0, 0, Credential([("X", str(number))]))


def missed(number: int, *, drivers: tuple[str, ...] = (), logins: tuple[str, ...] = ()) -> Missed:
    return Missed(request(number), ORIGIN, drivers, logins)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Unrecorded:
    """As much as is kept without a question."""
    monkeypatch.setattr(unrecorded, "MOST", 1)
    kept = Unrecorded()
    kept.keep_login(login(1))
    return kept


async def test_what_owes_something_is_kept_however_much_there_is(full: Unrecorded) -> None:
    full.keep_login(login(2))
    full.keep_cleanup(missed(3), None)
    full.keep_cleanup(missed(4), AWAY)
    full.keep_cleanup(missed(5), REFUSED)
    full.keep_cleanup(missed(6, drivers=("sqlite",)), ACKNOWLEDGED)
    full.keep_cleanup(missed(7, logins=("l",)), ACKNOWLEDGED)
    assert len(full) == 7


async def test_beyond_a_bound_a_cleanup_that_owes_nothing_is_not_kept(full: Unrecorded) -> None:
    full.keep_cleanup(missed(2), ACKNOWLEDGED)
    assert len(full) == 1


async def test_a_cleanup_that_is_repeated_is_kept_once() -> None:
    kept = Unrecorded()
    for outcome in (AWAY, AWAY, ACKNOWLEDGED):
        kept.keep_cleanup(missed(1), outcome)
    (only,) = kept
    assert only.login is None
    kept.forget(only)
    assert (len(kept), kept.has_closed(request(1).session_id, "")) == (0, False)


async def test_what_has_come_in_the_place_of_what_was_recorded_is_kept() -> None:
    kept = Unrecorded()
    kept.keep_cleanup(missed(1), AWAY)
    (first,) = kept
    kept.keep_cleanup(missed(1), AWAY)
    kept.forget(first)
    assert len(kept) == 1


@pytest.mark.parametrize("outcome", [REFUSED, LogoutOutcome(LogoutResult.FAILED)])
async def test_a_logout_that_a_human_has_to_look_at_is_not_tried_again(outcome: LogoutOutcome) -> None:
    end_system = ScriptedEndSystem(outcome)
    kept = Unrecorded()
    kept.keep_cleanup(missed(1), outcome)
    (only,) = kept
    assert (only.due, end_system.asked) == (float("inf"), [])


async def test_the_tries_of_a_logout_are_a_minute_apart_at_most() -> None:
    kept = Unrecorded()
    kept.keep_login(login(1))
    (only,) = kept
    now, waits = asyncio.get_running_loop().time(), []
    for _ in range(200):
        only.tried(AWAY)
        waits.append(round(only.due - now))
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert {*waits[6:]} == {60}
