"""A server that is killed while sessions are being opened: what was answered can be ended, and what was replaced is."""

import asyncio
from itertools import count
from pathlib import Path
from uuid import UUID

import aiohttp

from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.ledger.ledgers import raw
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM

KILLS = 3
WORKERS = 6
GRACE = 36.0
"""Seconds for which a logout that is under way is left alone by the retries."""
ENOUGH = 20
"""Sessions that are open before a server is killed, in the middle of others."""


async def open_until_killed(server: ConnectorProcess, numbers: "count[int]", seals: dict[str, dict[str, str]]) -> None:
    """Open sessions, each twice, from several workers, and kill the server in the middle; note what was answered last."""

    async def work(opshub: OpsHub) -> None:
        while True:
            session = str(UUID(int=next(numbers)))
            for _ in range(2):
                answer = await opshub.initialize(session, settings(), seals.get(session), SYSTEM)
                assert answer.status == 200
                seals[session] = answer.session_headers
                if len(seals) % ENOUGH == 0:
                    server.process.kill()

    async with OpsHub(server.url) as opshub:
        running = [asyncio.create_task(work(opshub)) for _ in range(WORKERS)]
        ended, _ = await asyncio.wait(running)
    assert {type(task.exception()) for task in ended} <= {
        aiohttp.ClientOSError,
        aiohttp.ClientConnectorError,
        aiohttp.ServerDisconnectedError,
    }


async def test_no_answered_login_outlives_its_cleanup_whenever_the_server_is_killed(desk: Desk, tmp_path: Path) -> None:
    seals: dict[str, dict[str, str]] = {}
    numbers = count(1)
    for _ in range(KILLS):
        with connector_process(tmp_path, desk.section) as server:
            await open_until_killed(server, numbers, seals)
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            for session, headers in seals.items():
                assert (await opshub.cleanup(session, headers, SYSTEM)).status == 200
            while len(desk.alive) > never_answered(tmp_path):
                await desk.ended.get()
    assert never_answered(tmp_path) <= KILLS * WORKERS, "each worker had one login in flight when its server was killed"


def never_answered(folder: Path) -> int:
    """Return how many logins the ledger knows whose initialize was not answered, once all others are cleaned up.

    They were sent or recorded when their server was killed. The reaper ends those that are recorded.
    """
    with raw(folder / "var") as file:
        (number,) = file.execute("SELECT (SELECT count(*) FROM openings) + (SELECT count(*) FROM sessions)").fetchone()
    return int(number)


async def test_what_was_answered_before_a_kill_is_open_after_it(desk: Desk, session: str, tmp_path: Path) -> None:
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        server.process.kill()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session, None, SYSTEM)).status == 404, "it knows that the session has a seal"
            assert (await opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] == "acknowledged"
    assert not desk.alive


async def test_only_a_login_whose_answer_never_reached_the_killed_server_is_lost(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            opening = asyncio.create_task(opshub.initialize(session, settings(), query=SYSTEM))
            token = await desk.logging_in.get()
            server.process.kill()
            await asyncio.wait([opening])
            assert opening.exception() is not None
    desk.answering.set()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session, None, SYSTEM)).body["logout"]["code"] == "unknown_session"
    assert desk.alive == {token}


async def test_a_logout_that_was_under_way_at_a_kill_is_tried_again_at_once(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.ending.clear()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            closing = asyncio.create_task(opshub.cleanup(session, headers, SYSTEM))
            await desk.logging_out.get()
            server.process.kill()
            await asyncio.wait([closing])
            assert closing.exception() is not None
    with connector_process(tmp_path, desk.section):
        async with asyncio.timeout(GRACE / 2):
            await desk.logging_out.get()
            desk.ending.set()
            await desk.ended.get()
    assert not desk.alive
