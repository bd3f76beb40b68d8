"""`connector sessions`: seen and ended on the running server, and seen in the file when it is down."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from connector.admin.shown import LastAnswer
from connector.admin.shown_sessions import ClosedSession
from connector.cli.exits import WHERE_IT_IS
from connector.cli.session_words import ending
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import Use
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.control.administered import CONFIG, TOKEN, Administered, administered

STYLE = re.compile(r"\x1b\[[0-9;]*m")
NOBODY = "6f1c1d2e-0000-4000-8000-000000000009"
LONG = "the-issue-tracker-of-the-whole-company-in-production"
WIDE = "課題管理システムの本番環境で東京と大阪"
AGO = 5_400
"""Seconds: an hour and a half."""


def wide(text: str) -> int:
    """Return how many columns of a terminal a line takes."""
    return sum(2 if "\u2e80" <= sign <= "\uffef" else 1 for sign in text)


def shown_lines(shown: str) -> list[str]:
    return [line.rstrip() for line in STYLE.sub("", shown).splitlines()]


async def test_a_script_gets_a_line_for_each_session_with_its_cells_between_tabs(server: Administered) -> None:
    now = time.time()
    one = await server.open(1, opened_at=now - AGO, used_at=now - AGO)
    await server.ledger.note_use({one.session_id: Use("login 1", now, 17)})
    for _ in range(125):
        await server.ledger.tick()
    two = await server.begin(2, system_id=None)

    ended = await connector("sessions", "list", folder=server.folder)

    assert (ended.exit_code, ended.err) == (0, "")
    under_way, is_open = (line.split("\t") for line in ended.out.splitlines())
    assert under_way[:5] == [two.session_id, "", "opening", "", "https://desk.example.com"]
    assert under_way[6:] == ["", "", ""]
    assert is_open == [one.session_id, "A", "open", "", "https://desk.example.com", "1 h ago", "2 h", "17", ""]


@pytest.mark.parametrize(
    ("system", "is_cut"), [(LONG, True), (WIDE, True), ("A", False), (None, False)], ids=["long", "wide", "short", "none"]
)
async def test_a_person_at_80_columns_gets_whole_ids_and_what_does_not_fit_below(
    server: Administered, system: str | None, is_cut: bool
) -> None:
    opened = await server.open(1, system_id=system, is_shared=True, opened_at=time.time() - AGO)
    await server.open(2, is_shared=True)
    unknown = await server.begin(3, unanswered=True, opened_at=time.time() - AGO)

    exit_code, shown = await at_a_terminal("sessions", "list", folder=server.folder, columns=80)

    lines = shown_lines(shown)
    assert exit_code == 0
    assert max(map(wide, lines)) <= 80
    assert lines[0].split() == ["session", "system", "state", "idle", "calls"]
    assert re.fullmatch(rf"{unknown.session_id} +A +unknown", lines[1])
    told = " ".join(line.strip() for line in lines[2:4])
    assert told == (
        "begun 1 h ago at https://desk.example.com; nobody knows what its login has made: "
        "look for it in the end system, and end it there"
    )
    assert re.fullmatch(rf"{opened.session_id} .*open +< 1 min +0", lines[4])
    assert lines[5 : 5 + is_cut] == [f"    {system}"] * is_cut
    assert lines[5 + is_cut] == "    opened 1 h ago at https://desk.example.com; shares its login with one other"


async def test_two_hundred_sessions_are_listed_each_in_two_lines(server: Administered) -> None:
    for number in range(1, 201):
        await server.open(number)

    _, shown = await at_a_terminal("sessions", "list", folder=server.folder, columns=80)
    piped = await connector("sessions", "list", "--json", folder=server.folder)

    lines = shown_lines(shown)
    assert len(lines) == 1 + 2 * 200
    assert [line.split()[0] for line in lines[1::2]] == [row["session"] for row in piped.json]
    assert [int(row["session"][-12:]) for row in piped.json] == [*range(1, 201)]


async def test_more_sessions_than_fit_into_one_answer_are_all_listed(server: Administered) -> None:
    for number in range(1, 503):
        await server.begin(number)

    ended = await connector("sessions", "list", folder=server.folder)

    assert [int(line.split("\t")[0][-12:]) for line in ended.out.splitlines()] == [*range(1, 503)]


@pytest.mark.parametrize(
    ("options", "told"), [((), "no session is open\n"), (("--system", "B"), "no session is like that\n")], ids=str
)
async def test_where_there_is_no_session_it_is_said_and_nothing_is_printed(
    server: Administered, options: tuple[str, ...], told: str
) -> None:
    if options:
        await server.open(1)

    ended = await connector("sessions", "list", *options, folder=server.folder)

    assert (ended.exit_code, ended.out, ended.err) == (0, "", told)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), [3, 1, 2]),
        (("--state", "open", "--system", "B"), [2]),
        (("--idle-for", "2h", "--origin", "https://desk.example.com"), [1]),
    ],
    ids=str,
)
async def test_sessions_are_chosen_alike_on_the_running_server_and_in_its_file(
    tmp_path: Path, options: tuple[str, ...], wanted: list[int]
) -> None:
    command = ("sessions", "list", "--json", *options)
    async with administered(tmp_path) as server:
        await server.open(1)
        for _ in range(121):
            await server.ledger.tick()
        await server.open(2, system_id="B")
        await server.begin(3, unanswered=True)
        live = await connector(*command, folder=tmp_path)
    down = await connector(*command, folder=tmp_path)

    assert [int(row["session"][-12:]) for row in live.json] == wanted
    assert (down.exit_code, down.json) == (0, live.json)
    assert down.err == f"no server listens at {tmp_path}/control.sock; reading the ledger's file, {tmp_path}/ledger.sqlite3\n"


async def test_one_session_is_shown_in_full_by_the_server_and_from_the_file(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        opened = await server.open(1, opened_at=1_795_643_709.8, used_at=1_795_643_709.8)
        live = await connector("sessions", "show", opened.session_id.upper(), folder=tmp_path)
        as_json = await connector("sessions", "show", opened.session_id, "--json", folder=tmp_path)
    down = await connector("sessions", "show", opened.session_id, folder=tmp_path)

    assert (live.exit_code, down.exit_code) == (0, 0)
    lines = live.out.splitlines()
    assert lines[:5] == [
        f"session\t{opened.session_id}",
        "system\tA",
        "state\topen",
        "reason\t",
        "origin\thttps://desk.example.com",
    ]
    assert lines[5].startswith("opened\t2026-11-25 21:55:09 UTC, ")
    assert down.out.splitlines()[:5] == lines[:5]
    assert [row["login"] for row in as_json.json] == ["login 1"]


async def test_a_session_that_is_not_there_ends_with_1_up_or_down(tmp_path: Path) -> None:
    async with administered(tmp_path):
        live = await connector("sessions", "show", NOBODY, folder=tmp_path)
    down = await connector("sessions", "show", NOBODY, folder=tmp_path)

    told = f"no session is open with the id {NOBODY}"
    assert (live.exit_code, live.err) == (1, f"{told}\n")
    assert (down.exit_code, down.err.splitlines()[-1]) == (1, told)


async def test_closing_shows_the_session_asks_and_a_no_changes_nothing(server: Administered) -> None:
    opened = await server.open(1)
    command = ("sessions", "close", opened.session_id)

    refused, shown = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "n"}, columns=80)
    before = server.live.login_of(opened.session_id)
    agreed, told = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "y"}, columns=80)

    assert "https://desk.example.com" in shown
    assert (refused, before) == (1, "login 1")
    assert (agreed, server.live.login_of(opened.session_id)) == (0, None)
    assert f"closed: {opened.session_id}" in told
    assert [login.session_id for login in server.end_system.asked] == [opened.session_id]


async def test_closing_where_nobody_can_be_asked_wants_a_yes(server: Administered) -> None:
    opened = await server.open(1)
    command = ("sessions", "close", opened.session_id)

    asked = await connector(*command, folder=server.folder)
    asked_as_json = await connector(*command, "--json", folder=server.folder)
    still_open = server.live.login_of(opened.session_id)
    agreed = await connector(*command, "--yes", folder=server.folder)
    again = await connector(*command, "--yes", folder=server.folder)

    assert (asked.exit_code, asked_as_json.exit_code, still_open) == (2, 2, "login 1")
    assert (agreed.exit_code, agreed.out) == (0, f"closed: {opened.session_id}\nlogout: acknowledged\n")
    assert (again.exit_code, again.out, again.err) == (1, "", f"no session is open with the id {opened.session_id}\n")


def test_hooks_that_were_skipped_are_not_told_as_failed() -> None:
    hooks = {"drop_files": "skipped", "drop_index": "done", "drop_tables": "failed", "tell": "timed_out", "drop_all": "skipped"}
    answer = LastAnswer("verified", None, None, None)
    closed = ClosedSession(
        session=NOBODY, login="login 1", recorded=True, state="closed", logout=answer, evictions={}, hooks=hooks
    )
    assert ending(closed)[2:] == [
        "hooks that failed: drop_tables, tell",
        "hooks that were skipped, because the session is open again or may be: drop_files, drop_all",
    ]


@pytest.mark.parametrize(
    ("outcome", "exit_code", "told"),
    [
        (
            LogoutOutcome(LogoutResult.PENDING, "503", "the end system is away"),
            75,
            "logout: pending: 503: the end system is away; it is owed, and retried: `connector owed list`",
        ),
        (
            LogoutOutcome(LogoutResult.REFUSED, "\x1b[2J", "no such\nsite"),
            1,
            "logout: refused: \ufffd[2J: no such\ufffdsite; it needs attention: `connector owed list --state waiting`",
        ),
    ],
    ids=["away", "refused"],
)
async def test_a_logout_that_is_not_done_is_told_with_what_follows_from_it(
    server: Administered, outcome: LogoutOutcome, exit_code: int, told: str
) -> None:
    opened = await server.open(1)
    server.end_system.behaviour = outcome

    ended = await connector("sessions", "close", opened.session_id, "--yes", folder=server.folder)

    assert (ended.exit_code, ended.out.splitlines()) == (exit_code, [f"closed: {opened.session_id}", told])


async def test_a_script_gets_what_became_of_a_session_as_json(server: Administered) -> None:
    opened = await server.open(1)

    ended = await connector("sessions", "close", opened.session_id, "--yes", "--json", folder=server.folder)

    assert (ended.exit_code, ended.err) == (0, "")
    assert (ended.json["session"], ended.json["state"], ended.json["evictions"]) == (
        opened.session_id,
        "closed",
        {"memory": "evicted"},
    )


async def test_an_unknown_login_is_not_closed_but_dismissed_by_whoever_has_looked_for_it(server: Administered) -> None:
    unknown = await server.begin(1, unanswered=True)
    command = ("sessions", "dismiss", unknown.session_id)

    closed = await connector("sessions", "close", unknown.session_id, "--yes", folder=server.folder)
    refused, shown = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "n"})
    before = await server.ledger.session_listing()
    agreed, _ = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "y"})
    after = await server.ledger.session_listing()

    assert (closed.exit_code, closed.err.partition(";")[0]) == (1, "nothing to close: this session is unknown")
    assert "look for it in the end system" in shown
    assert (refused, len(before)) == (1, 1)
    assert (agreed, after) == (0, [])


async def test_an_open_session_is_not_dismissed(server: Administered) -> None:
    opened = await server.open(1)

    ended = await connector("sessions", "dismiss", opened.session_id, "--yes", folder=server.folder)

    assert (ended.exit_code, ended.err.partition(";")[0]) == (1, "nothing to dismiss: this session is open")


async def test_a_session_whose_key_is_missing_is_shown_as_such_and_not_closed(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        opened = await server.open(1)
    (tmp_path / "ledger.keys").write_text(f"another:{'n' * 42}A\n")
    async with administered(tmp_path):
        listed = await connector("sessions", "list", folder=tmp_path)
        closed = await connector("sessions", "close", opened.session_id, "--yes", folder=tmp_path)

    assert "is not in the keyring" in listed.out
    assert (closed.exit_code, closed.out) == (1, "")
    assert "is not in the keyring" in closed.err


@pytest.mark.parametrize("command", ["close", "dismiss"])
async def test_ending_a_session_without_a_server_ends_with_69_and_says_what_is_needed(tmp_path: Path, command: str) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)

    ended = await connector("sessions", command, NOBODY, "--yes", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (69, "")
    assert ended.err.splitlines() == [f"no server listens at {tmp_path}/control.sock; it has to run for this.", WHERE_IT_IS]


async def test_a_ledger_that_cannot_be_read_for_now_ends_with_75(server: Administered) -> None:
    await server.ledger.aclose()

    assert (await connector("sessions", "close", NOBODY, "--yes", folder=server.folder)).exit_code == 75


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "6f1c1d2e"),
        ("list", "--idle-for", "2"),
        ("list", "--idle-for", "-2h"),
        ("list", "--state", "owed"),
        ("list", "--watch"),
    ],
    ids=str,
)
async def test_what_was_typed_wrong_is_not_understood(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert (await connector("sessions", *arguments, folder=tmp_path)).exit_code == 2


async def test_nothing_that_is_shown_can_steer_a_terminal_or_forge_a_cell(server: Administered) -> None:
    await server.open(1, system_id="all\tis\nwell\x1b[2J")

    _, shown = await at_a_terminal("sessions", "list", folder=server.folder)
    (line,) = (await connector("sessions", "list", folder=server.folder)).out.splitlines()

    assert "\x1b[2J" not in shown
    assert line.split("\t")[1] == "all\ufffdis\ufffdwell\ufffd[2J"


async def test_neither_the_server_nor_its_file_shows_a_credential(tmp_path: Path) -> None:
    said: list[Any] = []
    async with administered(tmp_path) as server:
        opened = await server.open(1)
        questions = (("list",), ("list", "--json"), ("show", opened.session_id), ("show", opened.session_id, "--json"))
        said += [await connector("sessions", *question, folder=tmp_path) for question in questions]
    said.append(await connector("sessions", "list", "--json", folder=tmp_path))

    assert {ended.exit_code for ended in said} == {0}
    assert not [ended for ended in said if TOKEN in ended.out + ended.err]
