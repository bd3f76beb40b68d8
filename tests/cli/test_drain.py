"""`connector drain`: a server is emptied before it is scaled away, and says what is left."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import pytest

from connector.cache.storage import Storage
from connector.cli.drain import LOOK, SESSIONS_LEFT
from connector.config.settings import StorageDeadlines
from connector.model.debts import Totals
from tests.assembly import draining
from tests.cli.command import Ended, connector
from tests.cli.terminal import at_a_terminal
from tests.control.administered import Administered
from tests.doubles import ScriptedDriver
from tests.e2e.connector_process import WITHIN
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS, Served, served
from tests.sessions.test_cleanup import SYSTEM, opened

NOTHING = {"under_way": 0, "sessions": 0, "owed": 0, "evictions": 0, "unrecorded": 0, "waiting": 0, "unknown": 0}
SOON = ("--timeout", "1s")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk() as system:
        yield system


@pytest.fixture
def session() -> str:
    return str(uuid4())


async def drained(server: Served, *options: str) -> Ended:
    return await connector("drain", *options, folder=server.folder, environ=KEYS)


async def test_an_empty_server_is_drained_at_once_and_opens_no_session_any_more(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        ended = await drained(server, "--json")
        ready = await server.opshub.ready()
        refused = await server.opshub.initialize(session, settings(), query=SYSTEM)

    assert (ended.exit_code, ended.json, ended.err) == (0, NOTHING, "")
    assert (ready.status, ready.body["status"]) == (503, "draining")
    assert (refused.status, refused.body["errors"]["code"], refused.headers["Connection"]) == (503, "stopping", "close")
    assert desk.logins == 0


async def test_a_session_that_is_open_is_counted_and_ends_by_its_own_cleanup(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        not_yet = await drained(server, *SOON)
        cleaned_up = await server.opshub.cleanup(session, headers, SYSTEM)
        at_last = await drained(server, *SOON)

    assert (not_yet.exit_code, SESSIONS_LEFT in not_yet.err) == (75, True)
    assert "open sessions\t1" in not_yet.out
    assert cleaned_up.status == 200
    assert (at_last.exit_code, at_last.err) == (0, "nothing is left\n")


async def test_with_close_sessions_each_is_logged_out_and_its_next_call_is_401(desk: Desk, tmp_path: Path) -> None:
    sessions = [str(uuid4()) for _ in range(9)]
    async with served(tmp_path, desk.section) as server:
        headers = [await opened(server, session) for session in sessions]
        ended = await drained(server, "--close-sessions", "--json")
        repeated = await server.opshub.cleanup(sessions[0], headers[0], SYSTEM)

    assert (ended.exit_code, ended.json) == (0, NOTHING)
    assert (desk.alive, sum(desk.logouts.values())) == (set(), len(sessions))
    assert repeated.status == 200


async def test_a_login_under_way_is_finished_and_its_session_ended(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    async with served(tmp_path, desk.section) as server, asyncio.TaskGroup() as calls:
        opening = calls.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        await desk.logging_in.get()
        under_way = await drained(server, *SOON)
        desk.answering.set()
        ended = await drained(server, "--close-sessions", "--json")

    assert (under_way.exit_code, "under way\t1" in under_way.out) == (75, True)
    assert (opening.result().status, ended.exit_code, ended.json) == (200, 0, NOTHING)
    assert not desk.alive


async def test_a_logout_that_waits_for_its_next_try_is_due_at_once(server: Administered) -> None:
    debt = await server.owe(1)
    assert (await server.ledger.debt(debt.id)).due_at - time.time() > 1_000

    await connector("drain", *SOON, folder=server.folder)

    await asyncio.wait_for(server.nudged.wait(), WITHIN)
    assert (await server.ledger.debt(debt.id)).due_at <= time.time()


async def test_a_logout_whose_end_system_is_away_is_left_and_done_once_it_is_back(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        assert (await server.opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] == "pending"
        away = await drained(server, *SOON)
        desk.status = HTTPStatus.OK
        back = await drained(server)

    assert (away.exit_code, "logouts owed\t1" in away.out) == (75, True)
    assert (back.exit_code, desk.alive) == (0, set())


async def test_a_logout_that_needs_attention_is_left_and_the_command_does_not_wait_for_it(server: Administered) -> None:
    await server.refused(1)
    await server.begin(2, unanswered=True)

    ended = await connector("drain", "--timeout", "1h", folder=server.folder)

    assert ended.exit_code == 1
    assert LOOK in ended.err
    assert "logouts that need attention\t1\nlogins unknown\t1\n" in ended.out


async def test_a_person_sees_what_is_left_within_80_columns(server: Administered) -> None:
    await server.owe(1)

    exit_code, shown = await at_a_terminal("drain", *SOON, folder=server.folder, columns=80)

    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()]
    assert (exit_code, max(map(len, lines)) <= 80) == (75, True)
    assert any(re.search(r"logouts owed +│ 1", line) for line in lines), shown


async def test_without_a_server_nothing_is_drained_and_the_exit_code_says_so(server: Administered, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()

    ended = await connector("drain", folder=tmp_path / "elsewhere")

    assert ended.exit_code == 69


async def test_what_ends_while_the_ledger_is_asked_still_counts_as_under_way(
    server: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a login that opens a session at that moment would be counted neither as one nor as the other."""
    storage = Storage([ScriptedDriver("memory", ScriptedDriver.Settings())], StorageDeadlines())
    emptied = draining(server.ledger, server.live, server.end_system, storage)
    ends = asyncio.Event()
    last = emptied.tasks.start(ends.wait())
    told = server.ledger.statistics

    async def slowly() -> Totals:
        totals = await told()
        ends.set()
        await last
        return totals

    monkeypatch.setattr(server.ledger, "statistics", slowly)
    await emptied.drain(close_sessions=False)
    ends.clear()
    last = emptied.tasks.start(ends.wait())
    left = await emptied.drain(close_sessions=False)

    assert left.under_way == 1
