"""`connector owed`: seen and steered on the running server, and seen in the file when it is down."""

import re
from pathlib import Path

import pytest

from connector.cli.exits import WHERE_IT_IS
from connector.model.debts import LogoutState
from connector.model.outcomes import OTHER_END_SYSTEM, LogoutOutcome, LogoutResult
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.control.administered import CONFIG, TOKEN, Administered, administered

SPEAKING = LogoutOutcome(LogoutResult.REFUSED, "400", "there is no such site, or whoever logs out of it may not do so any more")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = LogoutOutcome(LogoutResult.REFUSED, "\x1b[2J", "all\tis\nwell\x1b]0;owned\x07")


async def test_a_script_gets_a_line_for_each_row_with_its_cells_between_tabs(server: Administered) -> None:
    debt = await server.refused(1)

    ended = await connector("owed", "list", folder=server.folder)

    assert (ended.exit_code, ended.err) == (0, "")
    assert ended.out == f"{debt.id}\t{debt.session_id}\tA\twaiting\trefused\t1\trefused: 400: no such site\t\t\n"


async def test_a_person_at_80_columns_gets_a_short_line_for_each_row_and_below_it_why(server: Administered) -> None:
    owed = await server.owe(1, evicted=False)
    waiting = await server.refused(2, SPEAKING, system="jira-of-the-whole-company-in-production")

    exit_code, shown = await at_a_terminal("owed", "list", folder=server.folder, columns=80)

    lines = [line.rstrip() for line in STYLE.sub("", shown).splitlines()]
    assert exit_code == 0
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(rf"{owed.id} +6f1c1d2e… +A +owed +1 +in \d+ min", lines[1])
    assert lines[2] == "    pending: 503: the end system is away; evictions owed: memory"
    assert re.fullmatch(rf"{waiting.id} +6f1c1d2e… +jira-of-the-whole-compa… +waiting +1", lines[3])
    assert " ".join(line.strip() for line in lines[4:]) == f"refused: 400: {SPEAKING.message}"


async def test_a_reason_that_the_answer_does_not_tell_stands_before_it(server: Administered) -> None:
    await server.owe(1, LogoutOutcome(LogoutResult.PENDING, None, "timeout"), LogoutState.WAITING)

    _, shown = await at_a_terminal("owed", "list", folder=server.folder, columns=80)

    assert "given up: the end system was away for too long; pending: timeout" in shown


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "nothing is owed\n"),
        (("--state", "waiting"), "no row is like that; `connector owed list --all` has every row\n"),
    ],
    ids=str,
)
async def test_where_there_is_no_row_it_is_said_and_nothing_is_printed(
    server: Administered, options: tuple[str, ...], told: str
) -> None:
    await server.closed(1)

    ended = await connector("owed", "list", *options, folder=server.folder)

    assert (ended.exit_code, ended.out, ended.err) == (0, "", told)


async def test_a_script_may_ask_for_json(server: Administered) -> None:
    debts = [await server.owe(1), await server.refused(2)]

    ended = await connector("owed", "list", "--json", folder=server.folder)

    assert [(row["id"], row["state"]) for row in ended.json] == [(debt.id, debt.state) for debt in debts]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), [1, 2]),
        (("--all",), [1, 2, 3]),
        (("--state", "waiting", "--system", "B"), [2]),
    ],
    ids=str,
)
async def test_rows_are_chosen_alike_on_the_running_server_and_in_its_file(
    tmp_path: Path, options: tuple[str, ...], wanted: list[int]
) -> None:
    command = ("owed", "list", "--json", *options)
    async with administered(tmp_path) as server:
        await server.owe(1)
        await server.refused(2, system="B")
        await server.closed(3)
        live = await connector(*command, folder=tmp_path)
    down = await connector(*command, folder=tmp_path)

    assert [row["id"] for row in live.json] == wanted
    assert (down.exit_code, down.json) == (0, live.json)
    assert down.err == f"no server listens at {tmp_path}/control.sock; reading the ledger's file, {tmp_path}/ledger.sqlite3\n"


async def test_a_credential_is_sent_elsewhere_only_by_the_id_of_its_row(server: Administered) -> None:
    debt = await server.refused(1, OTHER_END_SYSTEM)
    server.end_system.place = "https://new.example.com"

    refused = await connector("owed", "retry", str(debt.id), folder=server.folder)
    unnamed = await connector("owed", "retry", "--all-waiting", "--here", folder=server.folder)
    sent = await connector("owed", "retry", str(debt.id), "--here", folder=server.folder)
    shown = await connector("owed", "show", str(debt.id), folder=server.folder)

    assert (refused.exit_code, refused.out) == (1, "due now: 0\n")
    assert refused.err.startswith(f"{debt.id}: made for https://desk.example.com, and today's end system is https://new.example")
    assert unnamed.exit_code == 2
    assert (sent.exit_code, sent.out) == (0, "due now: 1\n")
    assert {"origin\thttps://desk.example.com", "moved to\thttps://new.example.com"} <= {*shown.out.splitlines()}


async def test_more_rows_than_fit_into_one_answer_are_all_listed(server: Administered) -> None:
    debts = [await server.owe(number) for number in range(1, 502)]

    ended = await connector("owed", "list", folder=server.folder)

    assert [line.split("\t")[0] for line in ended.out.splitlines()] == [str(debt.id) for debt in debts]


async def test_what_an_end_system_says_can_neither_steer_a_terminal_nor_forge_a_cell(server: Administered) -> None:
    await server.refused(1, HOSTILE)

    _, shown = await at_a_terminal("owed", "list", folder=server.folder)
    (line,) = (await connector("owed", "list", folder=server.folder)).out.splitlines()

    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert line.split("\t")[6] == "refused: \ufffd[2J: all\ufffdis\ufffdwell\ufffd]0;owned\ufffd"


async def test_one_row_is_shown_in_full_by_the_server_and_from_the_file(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        debt = await server.owe(1)
        live = await connector("owed", "show", str(debt.id), folder=tmp_path)
    down = await connector("owed", "show", str(debt.id), folder=tmp_path)

    assert (live.exit_code, down.exit_code) == (0, 0)
    assert "origin\thttps://desk.example.com\n" in live.out
    assert down.out.splitlines()[:7] == live.out.splitlines()[:7]


async def test_a_row_that_is_not_there_ends_with_1_up_or_down(tmp_path: Path) -> None:
    async with administered(tmp_path):
        live = await connector("owed", "show", "9", folder=tmp_path)
    down = await connector("owed", "show", "9", folder=tmp_path)

    assert (live.exit_code, live.err) == (1, "nothing in the ledger has the id 9\n")
    assert (down.exit_code, down.err.splitlines()[-1]) == (1, "nothing in the ledger has the id 9")


async def test_rows_are_retried_by_id_and_one_that_cannot_be_ends_with_1_after_the_others(server: Administered) -> None:
    first, last = await server.refused(1), await server.refused(2)

    ended = await connector("owed", "retry", str(first.id), "9", str(last.id), folder=server.folder)

    assert (ended.exit_code, ended.out) == (1, "due now: 2\n")
    assert ended.err.startswith("9: ")
    assert [debt.id for debt in await server.ledger.listing(states=[LogoutState.OWED])] == [first.id, last.id]
    assert server.nudged.is_set()


async def test_all_that_need_attention_are_retried_at_once_and_nothing_is_left_to_do(server: Administered) -> None:
    for number in range(1, 4):
        await server.refused(number)
    await server.closed(4)

    first = await connector("owed", "retry", "--all-waiting", folder=server.folder)
    again = await connector("owed", "retry", "--all-waiting", folder=server.folder)

    assert (first.exit_code, first.out, first.err) == (0, "due now: 3\n", "")
    assert (again.exit_code, again.out) == (1, "")
    assert again.err == "nothing to retry: no logout needs attention\n"


async def test_rows_that_no_retry_could_mend_are_named_in_place_of_being_retried(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        debt = await server.refused(1)
    (tmp_path / "ledger.keys").write_text(f"another:{'n' * 42}A\n")
    async with administered(tmp_path):
        ended = await connector("owed", "retry", "--all-waiting", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err == f"nothing to retry: these rows are damaged, or their key is missing: {debt.id}\n"


async def test_a_person_sees_how_far_many_retries_are(server: Administered) -> None:
    for number in range(1, 4):
        await server.refused(number)

    exit_code, shown = await at_a_terminal("owed", "retry", "--all-waiting", folder=server.folder)

    assert exit_code == 0
    assert "retrying" in shown
    assert "due now: 3" in shown


@pytest.mark.parametrize("arguments", [(), ("1", "--all-waiting"), ("0",), (str(2**63),)])
async def test_a_retry_of_nothing_or_of_everything_and_something_is_not_understood(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert (await connector("owed", "retry", *arguments, folder=tmp_path)).exit_code == 2


async def test_a_dismissal_asks_a_person_and_a_no_changes_nothing(server: Administered) -> None:
    debt = await server.refused(1)
    command = ("owed", "dismiss", str(debt.id), "--reason", "freed by hand")

    refused, shown = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "n"})
    before = await server.ledger.debt(debt.id)
    agreed, _ = await at_a_terminal(*command, folder=server.folder, answers={"[y/N]": "y"})
    after = await server.ledger.debt(debt.id)

    assert debt.session_id in shown
    assert (refused, before.state) == (1, LogoutState.WAITING)
    assert (agreed, after.state, after.dismissed) == (0, LogoutState.CLOSED, "freed by hand")


async def test_a_dismissal_where_nobody_can_be_asked_wants_a_yes(server: Administered) -> None:
    debt = await server.refused(1)
    command = ("owed", "dismiss", str(debt.id), "--reason", "freed by hand")

    asked = await connector(*command, folder=server.folder)
    agreed = await connector(*command, "--yes", folder=server.folder)
    again = await connector(*command, "--yes", folder=server.folder)

    assert (asked.exit_code, agreed.exit_code, again.exit_code) == (2, 0, 1)


@pytest.mark.parametrize("command", [("retry", "--all-waiting"), ("retry", "1"), ("dismiss", "1", "--reason", "x", "--yes")])
async def test_steering_without_a_server_ends_with_69_and_says_what_is_needed(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)

    ended = await connector("owed", *command, folder=tmp_path)

    assert (ended.exit_code, ended.out) == (69, "")
    assert ended.err.splitlines() == [f"no server listens at {tmp_path}/control.sock; it has to run for this.", WHERE_IT_IS]


async def test_a_ledger_that_cannot_be_written_for_now_ends_with_75(server: Administered) -> None:
    await server.ledger.aclose()

    assert (await connector("owed", "retry", "1", folder=server.folder)).exit_code == 75


@pytest.mark.parametrize("missing", ["ledger", "keys"])
async def test_without_a_server_and_its_files_there_is_nothing_to_see_and_nothing_is_made(tmp_path: Path, missing: str) -> None:
    async with administered(tmp_path):
        pass
    (tmp_path / {"ledger": "ledger.sqlite3", "keys": "ledger.keys"}[missing]).unlink()
    before = {*tmp_path.iterdir()}

    ended = await connector("owed", "list", folder=tmp_path)

    nothing = {
        "ledger": f"there is no ledger at {tmp_path}/ledger.sqlite3.",
        "keys": f"to read its ledger there is no key, neither at {tmp_path}/ledger.keys nor in CONNECTOR_LEDGER_KEYS.",
    }
    assert ended.exit_code == 78
    assert ended.err.splitlines() == [f"no server listens at {tmp_path}/control.sock, and {nothing[missing]}", WHERE_IT_IS]
    assert {*tmp_path.iterdir()} == before


async def test_neither_the_server_nor_its_file_shows_a_credential(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        await server.refused(1)
        live = await connector("owed", "show", "1", "--json", folder=tmp_path)
    down = await connector("owed", "list", "--json", "--all", folder=tmp_path)

    assert down.json == [live.json]
    assert TOKEN not in live.out + live.err + down.out + down.err
