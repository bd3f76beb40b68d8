"""`connector status`: of a running server, and of one that is down."""

import os
from pathlib import Path

import pytest

from connector.cli.exits import WHERE_IT_IS
from connector.model.outcomes import OTHER_END_SYSTEM
from tests.cli.command import connector
from tests.control.administered import CONFIG, METRICS_URL, Administered, administered
from tests.ledger.ledgers import open_, session


async def test_a_script_gets_everything_as_json(server: Administered) -> None:
    await server.owe(1)

    ended = await connector("status", "--json", folder=server.folder)

    assert (ended.exit_code, ended.err) == (0, "")
    assert (ended.json["status"], ended.json["pid"], ended.json["metrics"]) == ("ready", os.getpid(), METRICS_URL)
    assert ended.json["ledger"]["owed"] == 1


async def test_a_person_gets_it_in_words(server: Administered) -> None:
    await server.owe(1)
    await server.refused(2)

    lines = (await connector("status", folder=server.folder)).out.splitlines()

    for line in ("server\tready", "sessions reaped\tidle (3)", "driver memory\tup", "logouts owed\t1", "needs attention\t1"):
        assert line in lines


async def test_what_is_held_back_is_counted_by_where_it_was_made_running_or_not(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        for number in (1, 2):
            await server.refused(number, OTHER_END_SYSTEM)
        await server.refused(3)
        live = (await connector("status", folder=tmp_path)).out.splitlines()
    down = (await connector("status", folder=tmp_path)).out.splitlines()

    for lines in (live, down):
        assert {"needs attention\t3", "held back, made for\thttps://desk.example.com (2)"} <= {*lines}


async def test_a_server_that_is_down_ends_with_69_and_what_it_owes_is_read_from_its_file(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        await server.owe(1)
        await server.refused(2)
        live = await connector("status", "--json", folder=tmp_path)

    down = await connector("status", "--json", folder=tmp_path)

    assert (down.exit_code, down.json["status"]) == (69, "down")
    assert down.json["ledger"] | {"bytes": 0} == live.json["ledger"] | {"bytes": 0}
    assert f"no server listens at {tmp_path}/control.sock" in down.err


async def test_a_key_that_open_sessions_need_and_that_is_not_the_current_one_is_named(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        await open_(server.ledger, session(1))
    keys = tmp_path / "ledger.keys"
    older = keys.read_text()
    keys.write_text(f"newer:{'n' * 42}A\n{older}")

    lines = (await connector("status", folder=tmp_path)).out.splitlines()

    assert {"open sessions\t1", f"older keys they need\t{older.partition(':')[0]} (1)"} <= {*lines}


@pytest.mark.parametrize(("option", "told"), [("--config=config.toml", "ledger\t"), ("--json", '"unavailable": ')])
async def test_a_ledger_that_cannot_be_read_is_told_and_ends_with_75(server: Administered, option: str, told: str) -> None:
    await server.ledger.aclose()

    ended = await connector("status", option, folder=server.folder)

    assert (ended.exit_code, told in ended.out) == (75, True)


async def test_a_server_that_never_ran_here_ends_with_78(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)

    ended = await connector("status", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (78, "")
    nothing = f"no server listens at {tmp_path}/control.sock, and there is no ledger at {tmp_path}/ledger.sqlite3."
    assert ended.err.splitlines() == [nothing, WHERE_IT_IS]
