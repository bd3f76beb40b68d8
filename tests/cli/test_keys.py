"""`connector keys`: a key is added, promoted and retired, and no session is refused for it."""

import platform
import re
from pathlib import Path
from typing import Any

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.keyfile import load_keyring
from connector.runtime.users import this_user
from tests.cli.command import Ended, connector
from tests.e2e.connector_process import connector_process
from tests.ledger.ledgers import open_, session
from tests.postgres import Postgres

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
    assert "not retired: rows that need it: 1 sessions. Try again once `connector keys list` shows none" in ended.err


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

    assert row["does"] == "seals"
    assert row["rows"] in ({}, {"ticks": 1}), "the counter of idle time may have no row yet"
    assert re.fullmatch(rf"{row['id']}\tseals\t(none|1 ticks)\t1 of 1\n", shown.out)
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


async def actions(folder: Path, environ: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    """What the audit log tells, the oldest line first."""
    lines = (await connector("audit", "--json", folder=folder, environ=environ)).json
    return [(line["who"], line["where"], line["action"], line["target"], line["outcome"]) for line in reversed(lines)]


def told(which: str, folder: Path) -> str:
    return f"{which}, in {folder}/{KEY_FILE} of {platform.node()}"


async def test_each_change_of_the_keys_leaves_a_line_in_a_file_at_rest(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)

    await keys(tmp_path, "add")
    new = ids(tmp_path)[1]
    await keys(tmp_path, "promote", new)

    here = (this_user(), "command line")
    assert await actions(tmp_path) == [
        (*here, "add key", told("a new key", tmp_path), f"added {new}"),
        (*here, "promote key", told(f"key {new}", tmp_path), "it is the first one"),
    ]


async def test_a_running_server_writes_the_line_and_names_who_has_asked(tmp_path: Path) -> None:
    with connector_process(tmp_path, ""):
        await keys(tmp_path, "add")
        new = ids(tmp_path)[1]
        await keys(tmp_path, "retire", new)
        refused = await connector("keys", "add", folder=tmp_path, environ={"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"})
        lines = await actions(tmp_path)

    problem = "failed: CONNECTOR_LEDGER_KEYS: holds the keys, and this command changes files only; change its lines there"
    here = (this_user(), "control socket")
    assert refused.exit_code == 78
    assert lines == [
        (*here, "add key", told("a new key", tmp_path), f"added {new}"),
        (*here, "retire key", told(f"key {new}", tmp_path), "it is no key any more"),
        (*here, "add key", told("a new key", tmp_path), problem),
    ]


async def test_a_change_leaves_a_line_in_a_database_too(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database())}
    shared = '[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
    (tmp_path / "config.toml").write_text(shared)
    first = await connector("keys", "add", folder=tmp_path, environ=environ)
    ledger = PostgresLedger(parsed(environ["LEDGER_DSN"], origin="x"), load_keyring(tmp_path / KEY_FILE, {}, ledger=None))
    async with ledger.opened():
        pass

    second = await connector("keys", "add", folder=tmp_path, environ=environ)

    assert (first.exit_code, first.err) == (0, "there is no ledger yet, so no audit log tells of this\n")
    assert (second.exit_code, second.err) == (0, "")
    line = (this_user(), "command line", "add key", told("a new key", tmp_path), f"added {ids(tmp_path)[1]}")
    assert await actions(tmp_path, environ) == [line]


async def test_a_key_is_not_retired_while_a_replica_does_not_tell_what_it_writes_with(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database())}
    (tmp_path / "config.toml").write_text('[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n')
    for _ in range(2):
        await connector("keys", "add", folder=tmp_path, environ=environ)
    keyring = load_keyring(tmp_path / KEY_FILE, {}, ledger=None)
    unused = keyring.ids[1]
    ledger = PostgresLedger(parsed(environ["LEDGER_DSN"], origin="x"), keyring)
    async with ledger.opened():
        await ledger.introduce(None)
        silent = await connector("keys", "retire", unused, folder=tmp_path, environ=environ)
    alone = await connector("keys", "retire", unused, folder=tmp_path, environ=environ)

    assert silent.exit_code == 75
    assert "not retired: these servers write with it, or do not tell yet: " in silent.err
    assert (alone.exit_code, ids(tmp_path)) == (0, [keyring.current])


async def test_keys_stay_as_they_are_if_the_line_cannot_be_written(tmp_path: Path) -> None:
    await with_an_open_session(tmp_path)
    before = (tmp_path / KEY_FILE).read_text()
    lock = Lock(tmp_path / "var" / "ledger.sqlite3")
    lock.acquire()
    ended = await keys(tmp_path, "add")
    lock.release()

    assert (ended.exit_code, (tmp_path / KEY_FILE).read_text()) == (75, before)
    assert "another process" in ended.err
