"""`connector keys`: a key is added, promoted and retired, and no session is refused for it."""

import re
from pathlib import Path
from typing import Any

import pytest

from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.keyfile import load_keyring
from tests.cli.command import Ended, connector
from tests.e2e.connector_process import connector_process
from tests.ledger.ledgers import open_, session

KEY_FILE = "var/keys/ledger.keys"


async def keys(folder: Path, *arguments: str) -> Ended:
    ended = await connector("keys", *arguments, folder=folder)
    for line in _lines(folder):
        assert line.partition("#")[0].partition(":")[2].strip() not in ended.out + ended.err
    return ended


def _lines(folder: Path) -> list[str]:
    file = folder / KEY_FILE
    return [line for line in file.read_text().splitlines() if ":" in line] if file.exists() else []


def ids(folder: Path) -> list[str]:
    return [line.partition(":")[0] for line in _lines(folder)]


async def listed(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await keys(folder, "list", "--json")).json
    return rows


async def with_an_open_session(folder: Path) -> None:
    """Leave a ledger with a session, as a server leaves it that has made its key."""
    path = folder / "var" / "ledger.sqlite3"
    path.parent.mkdir()
    ledger = SqliteLedger(path, load_keyring(folder / KEY_FILE, {}, ledger=path), grace=1)
    async with ledger.opened():
        await open_(ledger, session(1))


async def test_a_key_that_is_added_and_promoted_is_the_first_and_keeps_the_other(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    (old,) = ids(tmp_path)

    added = await keys(tmp_path, "add")
    (new,) = [key_id for key_id in ids(tmp_path) if key_id != old]
    between = ids(tmp_path)
    promoted = await keys(tmp_path, "promote", new)

    assert (added.exit_code, promoted.exit_code) == (0, 0)
    assert f"added {new} to {tmp_path}/{KEY_FILE}. Give every replica this file" in added.out
    assert (between, ids(tmp_path)) == ([old, new], [new, old])
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [(row["id"], row["does"], row["rows"].get("sessions")) for row in await listed(tmp_path)] == [
        (new, "seals", None),
        (old, "opens", 1),
    ]


async def test_a_key_that_rows_need_is_not_retired_and_it_is_said_how_many(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    (old,) = ids(tmp_path)
    await keys(tmp_path, "add")
    await keys(tmp_path, "promote", ids(tmp_path)[1])

    ended = await keys(tmp_path, "retire", old)

    assert (ended.exit_code, ids(tmp_path)[1]) == (75, old)
    assert "not retired: rows that need it: 1 sessions" in ended.err


async def test_a_key_that_nothing_needs_is_retired_and_the_first_never(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    (old,) = ids(tmp_path)
    await keys(tmp_path, "add")
    new = ids(tmp_path)[1]

    first = await keys(tmp_path, "retire", old)
    unused = await keys(tmp_path, "retire", new)

    assert (first.exit_code, "it is the first key" in first.err) == (75, True)
    assert (unused.exit_code, ids(tmp_path)) == (0, [old])


async def test_a_running_server_is_asked_what_its_rows_need(tmp_path: Path) -> None:
    with connector_process(tmp_path, ""):
        (row,) = await listed(tmp_path)
        shown = await keys(tmp_path, "list")

    assert (row["does"], row["rows"]) == ("seals", {"ticks": 1}) or row["rows"] == {}
    assert re.fullmatch(rf"{row['id']}\tseals\t(none|1 ticks)\t0 of 0\n", shown.out)
    assert "no server listens" not in shown.err


async def test_remarks_stay_and_keys_between_commas_are_told_apart(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    (line,) = _lines(tmp_path)
    file = tmp_path / KEY_FILE
    file.write_text(f"# of the vault\n{line} # old\nb:{'b' * 42}A,c:{'c' * 42}A\n")

    await keys(tmp_path, "promote", "c")

    old = line.partition(":")[0]
    assert file.read_text().splitlines() == ["# of the vault", f"c:{'c' * 42}A", f"{line} # old", f"b:{'b' * 42}A"]
    assert ids(tmp_path) == ["c", old, "b"]


async def test_the_first_key_of_a_fleet_is_made_for_all_to_copy(tmp_path: Path) -> None:
    ended = await keys(tmp_path, "add")

    assert (ended.exit_code, len(ids(tmp_path))) == (0, 1)
    assert (tmp_path / "var" / "keys").stat().st_mode & 0o777 == 0o700


async def test_keys_that_the_ledger_needs_are_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    (tmp_path / KEY_FILE).unlink()

    ended = await keys(tmp_path, "add")

    assert (ended.exit_code, ids(tmp_path)) == (78, [])
    assert "is missing, and" in ended.err


@pytest.mark.parametrize("arguments", [["add"], ["promote", "b"], ["retire", "b"]], ids=lambda arguments: str(arguments[0]))
async def test_keys_in_the_variable_are_for_a_person_to_change(tmp_path: Path, arguments: list[str]) -> None:
    await with_an_open_session(tmp_path)
    before = (tmp_path / KEY_FILE).read_text()
    given = {"CONNECTOR_LEDGER_KEYS": f"{_lines(tmp_path)[0]},b:{'b' * 42}A"}

    ended = await connector("keys", *arguments, folder=tmp_path, environ=given)

    assert (ended.exit_code, (tmp_path / KEY_FILE).read_text()) == (78, before)
    assert "CONNECTOR_LEDGER_KEYS: holds the keys, and this command changes files only" in ended.err


async def test_a_key_file_that_others_may_read_or_that_is_a_link_is_not_changed(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    file = tmp_path / KEY_FILE
    file.chmod(0o644)
    others = await keys(tmp_path, "add")
    file.chmod(0o600)
    file.rename(tmp_path / "vault")
    file.symlink_to(tmp_path / "vault")
    link = await keys(tmp_path, "add")

    assert (others.exit_code, "expected mode 0600" in others.err) == (78, True)
    assert (link.exit_code, "is a link; change the keys where they are kept" in link.err) == (78, True)
    assert len((tmp_path / "vault").read_text().splitlines()) == 1


async def test_an_id_that_no_key_has_is_told(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)

    ended = await keys(tmp_path, "promote", "nobody")

    assert (ended.exit_code, "no key has the id nobody" in ended.err) == (1, True)
