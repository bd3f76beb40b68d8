"""`connector keys` beside a running server with a ledger in a file: what it seals with counts, whatever the file says."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Ended, connector
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.surroundings import WITHOUT_TERMINAL
from tests.e2e.test_key_rotation import NEW, OLD
from tests.e2e.test_reloading import give, key_file, key_of

ADVICE = "send each SIGHUP (systemctl reload) or restart it, and try again"
BEHIND = "has not taken the keys of this file as they are"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ConnectorProcess]:
    give(tmp_path, [OLD, NEW])
    with connector_process(tmp_path, "", launcher=WITHOUT_TERMINAL) as process:
        yield process


async def keys(folder: Path, *arguments: str) -> Ended:
    return await connector("keys", *arguments, folder=folder)


async def shown(folder: Path) -> list[tuple[str, str, int, int]]:
    """What each key does, and how many servers have and lack it."""
    listed = (await keys(folder, "list", "--json")).json
    return [(key["id"], key["does"], len(key["having"]), len(key["lacking"])) for key in listed]


def ids(folder: Path) -> list[str]:
    return [line.partition(":")[0] for line in key_file(folder).read_text().splitlines()]


async def test_the_key_that_a_server_seals_with_stays_so_its_sessions_outlive_a_restart(
    tmp_path: Path, server: ConnectorProcess, session: str
) -> None:
    promoted = await keys(tmp_path, "promote", "new.")
    retired = await keys(tmp_path, "retire", "old.")
    async with OpsHub(server.url) as opshub:
        headers = (await opshub.initialize(session, [])).session_headers
    server.process.send_signal(signal.SIGTERM)
    assert await server.exit_code() == 0
    with connector_process(tmp_path, "") as again:
        async with OpsHub(again.url) as opshub:
            answer = await opshub.cleanup(session, headers)

    assert (promoted.exit_code, retired.exit_code, ids(tmp_path)) == (0, 75, ["new.", "old."])
    assert retired.err.startswith("not retired: these servers write with it, or do not tell yet: ")
    assert ADVICE in retired.err
    assert (key_of(headers), answer.status, answer.body.get("errors")) == ("old.", 200, None)


async def test_a_key_is_retired_once_the_server_has_taken_the_new_one(tmp_path: Path, server: ConnectorProcess) -> None:
    await keys(tmp_path, "promote", "new.")
    before, told = await shown(tmp_path), await keys(tmp_path, "list")
    server.process.send_signal(signal.SIGHUP)
    await server.logged("a key was promoted")
    after, silent = await shown(tmp_path), await keys(tmp_path, "list")
    retired = await keys(tmp_path, "retire", "old.")

    assert before == [("new.", "opens", 1, 0), ("old.", "seals", 1, 0)]
    assert after == [("new.", "seals", 1, 0), ("old.", "opens", 1, 0)]
    assert (BEHIND in told.err, BEHIND in silent.err) == (True, False)
    assert (retired.exit_code, ids(tmp_path)) == (0, ["new."])


async def test_a_key_is_not_promoted_before_the_server_has_it(tmp_path: Path, server: ConnectorProcess) -> None:
    await keys(tmp_path, "add")
    added = ids(tmp_path)[-1]
    before = await shown(tmp_path)
    early = await keys(tmp_path, "promote", added)
    unchanged = ids(tmp_path)
    server.process.send_signal(signal.SIGHUP)
    await server.logged("keys were added")
    promoted = await keys(tmp_path, "promote", added)

    assert before[-1] == (added, "nothing yet", 0, 1)
    assert (early.exit_code, unchanged) == (75, ["old.", "new.", added])
    assert early.err.startswith("not promoted: these servers do not have it, or do not tell yet: ")
    assert ADVICE in early.err
    assert (promoted.exit_code, ids(tmp_path)) == (0, [added, "old.", "new."])


async def test_the_keys_of_a_server_that_is_down_are_exchanged_without_it(tmp_path: Path, server: ConnectorProcess) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert await server.exit_code() == 0

    promoted = await keys(tmp_path, "promote", "new.")
    listed = await shown(tmp_path)
    retired = await keys(tmp_path, "retire", "old.")

    assert listed == [("new.", "seals", 0, 0), ("old.", "opens", 0, 0)]
    assert (promoted.exit_code, retired.exit_code, ids(tmp_path)) == (0, 0, ["new."])
