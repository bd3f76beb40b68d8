"""`connector audit`: of a running server, and of one that is down."""

import re
from pathlib import Path

import pytest

from connector.cli.audit_command import UNKNOWN
from connector.model.audit import Action, Actor, begun
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.control.administered import Administered, administered

STYLE = re.compile(r"\x1b\[[0-9;]*m")


async def test_a_running_server_and_its_file_show_the_same_lines_the_newest_first(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        debts = [await server.refused(number) for number in range(2)]
        for debt in debts:
            assert (await connector("owed", "retry", str(debt.id), folder=tmp_path)).exit_code == 0
        live = await connector("audit", "--json", folder=tmp_path)
        newest = await connector("audit", "--json", "--limit", "1", folder=tmp_path)
    down = await connector("audit", "--json", folder=tmp_path)

    assert [(line["action"], line["target"], line["outcome"]) for line in live.json] == [
        ("retry", f"owed {debt.id}", "due now") for debt in reversed(debts)
    ]
    assert (down.exit_code, down.json, newest.json) == (0, live.json, live.json[:1])
    assert "reading the ledger's file" in down.err


async def test_a_script_gets_a_line_for_each_action_with_tabs(server: Administered) -> None:
    await server.ledger.note_action(begun(Actor("ada", "console 127.0.0.1"), Action.CLOSE, "session 6f1c", 1_900_000_000.0))

    ended = await connector("audit", folder=server.folder)

    id_, moment, *rest = ended.out.removesuffix("\n").split("\t")
    assert (ended.exit_code, id_, rest) == (0, "1", ["ada", "console 127.0.0.1", "close", "session 6f1c", UNKNOWN])
    assert re.fullmatch(r"2030-03-1\d \d\d:\d\d:\d\d", moment)


async def test_a_person_at_80_columns_sees_who_did_what_and_below_it_the_outcome(server: Administered) -> None:
    actor = Actor("somebody-with-a-long-name@example.org", "console 2001:db8:0:1:1:1:1:1")
    target = "login 0123456789abcdef of session 6f1c1d2e-8d5e-4c1b-9d4b-0f6a2c9b7e11"
    await server.ledger.note_action(begun(actor, Action.DISMISS_LOGIN, target, 1_900_000_000.0))

    exit_code, shown = await at_a_terminal("audit", folder=server.folder, columns=80)

    heading, line, *below = [line.rstrip() for line in STYLE.sub("", shown).splitlines()]
    assert exit_code == 0
    assert max(map(len, (heading, line, *below))) <= 80
    assert heading.split() == ["when", "action", "who", "from"]
    assert " dismiss login  somebody-with" in line
    assert " ".join(each.strip() for each in below) == f"{target}: {UNKNOWN}"


async def test_where_nobody_has_done_anything_it_is_said_and_nothing_is_printed(server: Administered) -> None:
    ended = await connector("audit", folder=server.folder)

    assert (ended.exit_code, ended.out) == (0, "")
    assert ended.err.startswith("nobody has done anything")


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
async def test_a_limit_that_cannot_be_is_refused(server: Administered, limit: str) -> None:
    assert (await connector("audit", "--limit", limit, folder=server.folder)).exit_code == 2
