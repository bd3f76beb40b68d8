"""What has moved before, and what only looks like it: a ledger of the same identity is no proof that this file was moved."""

import shutil
from pathlib import Path

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.address import Address, parsed
from connector.ledger.postgres.adopting import Adoption
from connector.ledger.postgres.arriving import arrive
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.restored_database import restore
from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.backup import back_up, opened_backup
from connector.ledger.sqlite.leaving import leaving
from connector.ledger.sqlite.reading import opened_read_only
from connector.model.audit import Action, Actor, begun
from connector.model.errors import ConfigurationError
from tests.cli.command import Ended, connector
from tests.ledger.ledgers import (
    KEYS,
    KEYS_LINE,
    NAME,
    ONLY_NEW,
    ROTATED,
    START,
    SetClock,
    all_due,
    open_,
    opened,
    raw,
    record,
    session,
)
from tests.postgres import Postgres

ENTRY = begun(Actor("ada", "command line"), Action.COPY_LEDGER, "ledger x", START)
NOT_MOVED = "holds a ledger of this identity, and .* has not been moved there"


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return parsed(postgres.dsn(postgres.new_database()), origin="x")


def move(folder: Path, address: Address, keyring: Keyring = KEYS) -> bool:
    with leaving(folder / NAME, keyring) as file:
        return arrive(address, file, Adoption(keyring, idle_for=1, entry=ENTRY), lambda: None)


async def owed_in(address: Address, keyring: Keyring = KEYS) -> int:
    async with PostgresLedger(address, keyring, clock=SetClock()).opened() as there:
        return len(await all_due(there))


async def owed_in_file(folder: Path, keyring: Keyring = KEYS) -> int:
    async with opened(folder, keyring) as ledger:
        return len(await all_due(ledger))


def try_the_backup(folder: Path, address: Address) -> None:
    """Restore a backup of the file into a database, as somebody does who wants to see whether that works."""
    with opened_read_only(folder / NAME, KEYS) as table:
        back_up(folder / "trial.backup", Snapshot(table), KEYS, ledger="x", now=START, advance=lambda: None)
    with opened_backup(folder / "trial.backup", KEYS) as (backup, _):
        restore(address, backup, KEYS, ENTRY, lambda: None)


async def test_a_file_whose_backup_was_tried_in_the_database_does_not_count_as_moved(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
    try_the_backup(tmp_path, address)
    async with opened(tmp_path) as ledger:
        await record(ledger, 2)

    with pytest.raises(ConfigurationError, match=NOT_MOVED):
        move(tmp_path, address)

    assert (await owed_in_file(tmp_path), await owed_in(address)) == (2, 1)


async def test_a_replica_that_was_made_from_the_disk_of_another_does_not_count_as_moved(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path / "first") as ledger:
        await record(ledger, 1)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    async with opened(tmp_path / "second") as ledger:
        await open_(ledger, session(2))
    assert not move(tmp_path / "first", address)

    with pytest.raises(ConfigurationError, match=f"{NOT_MOVED}.*drain --close-sessions"):
        move(tmp_path / "second", address)

    assert move(tmp_path / "first", address)
    async with opened(tmp_path / "second") as ledger:
        assert (await ledger.statistics()).sessions == 1


async def test_a_file_that_shares_one_of_two_identities_with_the_database_is_refused(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path / "first"):
        pass
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    with raw(tmp_path / "second") as connection:
        connection.execute("INSERT INTO identity VALUES (randomblob(16))")
    move(tmp_path / "first", address)

    with pytest.raises(ConfigurationError, match=NOT_MOVED):
        move(tmp_path / "second", address)


async def test_a_file_that_has_moved_elsewhere_has_not_moved_to_where_its_backup_was_tried(
    tmp_path: Path, address: Address, postgres: Postgres
) -> None:
    trial = parsed(postgres.dsn(postgres.new_database()), origin="x")
    async with opened(tmp_path):
        pass
    try_the_backup(tmp_path, trial)
    move(tmp_path, address)

    with pytest.raises(ConfigurationError, match=f"was moved to {address}, and so cannot move to {trial}"):
        move(tmp_path, trial)

    assert move(tmp_path, address)


@pytest.fixture
async def environ(tmp_path: Path, postgres: Postgres) -> dict[str, str]:
    """That of commands, which have the keys of the files."""
    return {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}


async def copied(folder: Path, environ: dict[str, str], *names: str) -> Ended:
    files = [f"{name}/{NAME}" for name in names]
    return await connector("ledger", "copy", *files, "LEDGER_DSN", folder=folder, environ=environ)


async def test_of_several_files_the_one_that_has_not_moved_is_named_and_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    async with opened(tmp_path / "first") as ledger:
        await record(ledger, 1)
    shutil.copytree(tmp_path / "first", tmp_path / "second")

    ended = await copied(tmp_path, environ, "first", "second")

    assert (ended.exit_code, ended.out.split()[:2]) == (78, [f"first/{NAME}", "moved"])
    assert f"second/{NAME} has not been moved there" in " ".join(ended.err.split())
    assert "nothing is left to do" not in ended.out


async def altered(folder: Path) -> None:
    """Leave a ledger with three rows, of which one does not verify."""
    async with opened(folder) as ledger:
        for number in range(3):
            await record(ledger, number)
    with raw(folder) as connection:
        connection.execute("UPDATE debts SET origin = 'https://elsewhere.example.com' WHERE id = 2")


async def test_a_move_that_leaves_rows_behind_ends_with_65_and_so_does_its_repetition(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    await altered(tmp_path / "first")
    async with opened(tmp_path / "second") as ledger:
        await record(ledger, 9)

    first, again = [await copied(tmp_path, environ, "first", "second") for _ in range(2)]

    assert (first.exit_code, again.exit_code) == (65, 65)
    for ended in (first, again):
        assert f"rows that do not verify stay in first/{NAME}: 1" in ended.err
        assert f"stay in second/{NAME}" not in ended.err
    assert [line.split()[:2] for line in first.out.splitlines()] == [[f"{name}/{NAME}", "moved"] for name in ("first", "second")]


async def test_rows_whose_key_is_missing_go_along_and_are_told(tmp_path: Path, environ: dict[str, str]) -> None:
    for number, keyring in enumerate((KEYS, ROTATED)):
        async with opened(tmp_path / "first", keyring) as ledger:
            await open_(ledger, session(number, login=f"l{number}"))

    ended = await copied(tmp_path, environ, "first")

    assert (ended.exit_code, "rows whose key is missing went along as they are: 1" in ended.err) == (65, True)
    address = parsed(environ["LEDGER_DSN"], origin="x")
    async with PostgresLedger(address, ROTATED, clock=SetClock()).opened() as there:
        assert (await there.statistics()).sessions == 2


@pytest.mark.parametrize("keyring", [Keyring({"old": b"x" * 32}), ONLY_NEW], ids=["secret", "id"])
async def test_a_file_none_of_whose_rows_verify_does_not_move(tmp_path: Path, address: Address, keyring: Keyring) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
        await open_(ledger, session(2))

    with pytest.raises(ConfigurationError, match="none of the 2 rows"):
        move(tmp_path, address, keyring)

    assert await owed_in_file(tmp_path) == 1
    assert not move(tmp_path, address)


async def test_a_file_none_of_whose_rows_verify_joins_no_ledger(tmp_path: Path, address: Address) -> None:
    for name in ("first", "second"):
        async with opened(tmp_path / name) as ledger:
            await record(ledger, 1)
    move(tmp_path / "first", address)

    with pytest.raises(ConfigurationError, match="none of the 1 rows"):
        move(tmp_path / "second", address, Keyring({"old": b"x" * 32}))

    assert not move(tmp_path / "second", address)
    assert await owed_in(address) == 1
