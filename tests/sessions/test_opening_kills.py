"""A server that is killed between two steps of an initialize: what it may have made is unknown, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from connector.config.variables import KEYS_VARIABLE
from connector.model.debts import Totals
from tests.e2e.opshub import OpsHub
from tests.ports import free_port
from tests.sessions.desk import PASSWORD, Desk, settings
from tests.sessions.records import ledger_in
from tests.sessions.served import KEYS, served
from tests.sessions.test_cleanup import SYSTEM
from tests.torture.failpoints import MOMENTS, OF_OPENINGS, Failpoint
from tests.torture.process import ServerProcess

BEFORE, AFTER = MOMENTS
NOTHING, UNKNOWN_UNMADE, UNKNOWN_MADE, OPEN = (0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 1)
"""How many logins were made, how many are unknown, and how many sessions are open."""
POINTS = {
    Failpoint("record of an opening", BEFORE): NOTHING,
    Failpoint("record of an opening, in its transaction", BEFORE): NOTHING,
    Failpoint("record of an opening, in its transaction", AFTER): NOTHING,
    Failpoint("record of an opening", AFTER): UNKNOWN_UNMADE,
    Failpoint("login", BEFORE): UNKNOWN_UNMADE,
    Failpoint("login", AFTER): UNKNOWN_MADE,
    Failpoint("record of a login", BEFORE): UNKNOWN_MADE,
    Failpoint("record of a login, in its transaction", BEFORE): UNKNOWN_MADE,
    Failpoint("record of a login, in its transaction", AFTER): UNKNOWN_MADE,
    Failpoint("record of a login", AFTER): OPEN,
    Failpoint("end of an initialize", AFTER): OPEN,
}
OF_REFUSALS = {Failpoint("end of an opening", BEFORE): UNKNOWN_UNMADE, Failpoint("end of an opening", AFTER): NOTHING}


def section(desk: Desk, folder: Path) -> str:
    return f'{desk.section}[ledger]\npath = "{folder}/ledger.sqlite3"\nkey_file = "{folder}/ledger.keys"\n[metrics]\nport = 0\n'


@asynccontextmanager
async def killed(desk: Desk, folder: Path, point: Failpoint | None = None) -> AsyncIterator[OpsHub]:
    """Run a server that is killed at a point, or at the end of the context."""
    port, keys = free_port(), folder / "ledger.keys"
    keys.touch(0o600)
    keys.write_text(KEYS[KEYS_VARIABLE])
    (folder / "config.toml").write_text(f"{section(desk, folder)}[server]\nport = {port}\n[control]\nsocket = 'control.sock'\n")
    server = ServerProcess(folder / "config.toml", port)
    await server.start(point)
    async with OpsHub(f"http://127.0.0.1:{port}") as opshub:
        yield opshub
    if point is None:
        await server.kill()
    else:
        assert await server.ended(), f"nobody came by {point}"


async def totals(folder: Path) -> Totals:
    """What the ledger says once it is opened again."""
    async with ledger_in(folder) as ledger:
        return await ledger.statistics()


async def initialize_in_vain(opshub: OpsHub, session: str, password: str = PASSWORD) -> None:
    with pytest.raises(aiohttp.ClientError):
        await opshub.initialize(session, settings(password), query=SYSTEM)


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_a_kill_at_any_step_leaves_a_login_open_or_unknown(
    desk: Desk, session: str, tmp_path: Path, point: Failpoint
) -> None:
    async with killed(desk, tmp_path, point) as opshub:
        await initialize_in_vain(opshub, session)
    found = await totals(tmp_path)
    assert (len(desk.alive), found.unknown, found.sessions) == POINTS[point]
    assert (found.openings, found.owed) == (0, 0)


@pytest.mark.parametrize("point", OF_REFUSALS, ids=str)
async def test_a_kill_after_a_refusal_leaves_at_most_an_unknown_login(
    desk: Desk, session: str, tmp_path: Path, point: Failpoint
) -> None:
    async with killed(desk, tmp_path, point) as opshub:
        await initialize_in_vain(opshub, session, "wrong")
    found = await totals(tmp_path)
    assert (len(desk.alive), found.unknown, found.sessions) == OF_REFUSALS[point]


def test_each_step_of_an_initialize_has_a_kill() -> None:
    rest = {"eviction of what is replaced", "end of a login that nobody has", "end of a session, in its transaction"}
    assert {point.step for point in (*POINTS, *OF_REFUSALS)} == OF_OPENINGS.keys() - rest


@pytest.mark.parametrize("is_cleaned_up", [False, True], ids=["no cleanup", "a cleanup came"])
async def test_a_login_under_way_at_a_kill_is_unknown_and_never_open(
    desk: Desk, session: str, tmp_path: Path, *, is_cleaned_up: bool
) -> None:
    desk.answering.clear()
    async with killed(desk, tmp_path) as opshub:
        opening = asyncio.create_task(opshub.initialize(session, settings(), query=SYSTEM))
        token = await desk.logging_in.get()
        if is_cleaned_up:
            assert (await opshub.cleanup(session, None, SYSTEM)).status == 200
        opening.cancel()
    desk.answering.set()
    with capture_logs() as logs:
        async with served(tmp_path, desk.section) as server:
            assert (await server.opshub.cleanup(session, None, SYSTEM)).body["logout"]["code"] == "unknown_session"
    found = await totals(tmp_path)
    assert (found.unknown, found.openings, found.sessions, found.owed) == (1, 0, 0, 0)
    assert desk.alive == {token}
    assert [line["logins"] for line in logs if line["event"].startswith("nobody knows what some logins have made")] == [1]
