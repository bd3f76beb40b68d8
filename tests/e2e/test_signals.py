"""Signals: what has begun is finished before the server ends, and a signal that does not ask it to end changes nothing."""

import asyncio
import signal
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2

import pytest

from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.held import HeldEndSystem
from tests.e2e.opshub import OpsHub
from tests.e2e.surroundings import AS_NOHUP_DOES, WITHOUT_TERMINAL, terminal


@pytest.mark.parametrize("asked_by", [SIGTERM, SIGINT, SIGQUIT])
async def test_a_server_that_is_asked_to_end_finishes_its_cleanup_first(
    asked_by: signal.Signals, session: str, tmp_path: Path
) -> None:
    async with HeldEndSystem() as end_system:
        with connector_process(tmp_path, end_system.section, launcher=WITHOUT_TERMINAL) as server:
            cleanup = await a_cleanup_under_way(server, session, end_system)

            server.process.send_signal(asked_by)

            await finishes(server, asked_by, cleanup, end_system)


async def test_a_server_whose_terminal_goes_finishes_its_cleanup_first(session: str, tmp_path: Path) -> None:
    with terminal() as its_terminal:
        async with HeldEndSystem() as end_system:
            with connector_process(tmp_path, end_system.section, launcher=its_terminal.launcher) as server:
                cleanup = await a_cleanup_under_way(server, session, end_system)

                its_terminal.hang_up()

                await finishes(server, SIGHUP, cleanup, end_system)


async def test_a_server_under_nohup_outlives_its_terminal(session: str, tmp_path: Path) -> None:
    with (
        terminal() as its_terminal,
        connector_process(tmp_path, "", launcher=(*its_terminal.launcher, *AS_NOHUP_DOES)) as server,
    ):
        its_terminal.hang_up()

        await goes_on(server, session, "read the configuration again")


@pytest.mark.parametrize("sent", [SIGUSR1, SIGUSR2])
async def test_a_signal_without_a_meaning_is_logged_and_changes_nothing(
    sent: signal.Signals, session: str, tmp_path: Path
) -> None:
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        server.process.send_signal(sent)

        await goes_on(server, session, "this signal means nothing here", signal=sent.name)


async def test_a_broken_pipe_changes_nothing(session: str, tmp_path: Path) -> None:
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as server:
        server.process.send_signal(SIGPIPE)
        server.process.send_signal(SIGUSR1)

        await goes_on(server, session, "this signal means nothing here", signal=SIGUSR1.name)


async def a_cleanup_under_way(server: ConnectorProcess, session: str, end_system: HeldEndSystem) -> asyncio.Task[int]:
    async def cleanup() -> int:
        async with OpsHub(server.url) as opshub:
            return (await opshub.cleanup(session, {"Authorization": "Bearer t"})).status

    task = asyncio.create_task(cleanup())
    async with asyncio.timeout(WITHIN):
        await end_system.asked.get()
    return task


async def finishes(
    server: ConnectorProcess, asked_by: signal.Signals, cleanup: asyncio.Task[int], end_system: HeldEndSystem
) -> None:
    await server.logged("stopping", signal=asked_by.name)
    end_system.release.set()
    assert await cleanup == 200
    assert await server.exit_code() == 0


async def goes_on(server: ConnectorProcess, session: str, after: str, **values: str) -> None:
    await server.logged(after, **values)
    async with OpsHub(server.url) as opshub:
        assert (await opshub.cleanup(session)).status == 200
    assert server.process.poll() is None
