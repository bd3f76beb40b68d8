"""Two versions side by side on one database: the older ones go on, and read all that is written while one of them is there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from connector.ledger import authentication
from connector.ledger.open_sessions import EMPTY, NAMES, PURPOSE, SessionRow
from connector.ledger.postgres import layouts, owners
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.layouts import migrate
from connector.ledger.postgres.looking import SNAPSHOT
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.tables import MIGRATIONS, TAKE_LOCK
from connector.ledger.testing.ticking import use
from connector.ledger.unverified import Unverified
from connector.model.errors import ConfigurationError, RefusedForNow
from tests.ledger.ledgers import KEYS, START, SetClock, open_, record, session, until
from tests.postgres import Postgres

Connection = psycopg.Connection[tuple[object, ...]]
AN_OLDER_REPLICA = "INSERT INTO owners VALUES ('old', 'a replica of version 1', 1)"
ITS_TRANSACTION = "UPDATE owners SET sequence = sequence + 1 WHERE id = 'old'"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'relation'"
"""What waits for somebody who reads a table."""
SOON = 40.0
"""Seconds within which a busy machine does what should take a few."""
CLAIM = 15.0
UPGRADE = 20 * CLAIM


@pytest.fixture
def older(postgres: Postgres) -> Iterator[Connection]:
    """A replica of version 1, which has made its tables."""
    with psycopg.connect(postgres.dsn(postgres.new_database()), autocommit=True) as connection:
        migrate(connection, MIGRATIONS[:1])
        connection.execute(AN_OLDER_REPLICA)
        yield connection


def todays(older: Connection, clock: SetClock) -> PostgresLedger:
    """A replica of today beside it."""
    standstill = Standstill(CLAIM, counted=CLAIM, upgrade=UPGRADE, clock=clock)
    address = parsed(f"{older.info.dsn} password={older.info.password}", origin="test")
    return PostgresLedger(address, KEYS, standstill=standstill)


def is_read_by_version_1(older: Connection, number: int) -> bool:
    """Tell whether a session's row has the code that version 1 expects."""
    query = f"SELECT {NAMES} FROM sessions WHERE session_id = %s"
    [found] = older.execute(query.encode(), (session(number).session_id,)).fetchall()
    row = SessionRow._make(found)
    try:
        authentication.verify(PURPOSE, row[1:-1], EMPTY, KEYS, key_id=row.key_id, mac=row.mac)
    except Unverified:
        return False
    return True


async def half_a_claim_passes(ledger: PostgresLedger, clock: SetClock) -> None:
    await ledger.statistics()
    clock.now += CLAIM / 2
    await ledger.statistics()


async def a_claim_passes(ledger: PostgresLedger, clock: SetClock) -> None:
    """Let whoever does nothing meanwhile be gone."""
    for _ in range(2):
        await half_a_claim_passes(ledger, clock)


async def an_upgrade_passes(ledger: PostgresLedger, clock: SetClock) -> None:
    """Let older replicas be away for so long that none comes back."""
    await a_claim_passes(ledger, clock)
    clock.now += UPGRADE
    await ledger.statistics()


async def test_tables_that_an_older_replica_uses_become_todays_and_stay_usable_for_it(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        await record(ledger, 1)
        assert not migrate(older, MIGRATIONS[:1]), "it may even start again"
        assert older.execute(ITS_TRANSACTION).rowcount == 1
    assert older.execute("SELECT number, layout FROM ledger_version").fetchall() == [(1, len(MIGRATIONS))]


async def test_a_session_is_written_as_the_oldest_replica_that_is_there_reads_it(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        await open_(ledger, session(1))
        older.execute(ITS_TRANSACTION)
        await use(ledger, 1, moment=START + 5)
        assert is_read_by_version_1(older, 1)
        await an_upgrade_passes(ledger, clock)
        await open_(ledger, session(2))
        await use(ledger, 1, moment=START + 9)
        assert [is_read_by_version_1(older, number) for number in (1, 2)] == [False, False]
        known = await ledger.known_sessions()
        assert (len(known.logins), known.damaged) == (2, 0)


async def test_the_last_older_replica_may_start_again_for_a_while_and_is_waited_for(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        for _ in range(2):
            await a_claim_passes(ledger, clock)
            clock.now += UPGRADE - CLAIM
            await open_(ledger, session(1))
            assert is_read_by_version_1(older, 1)
            older.execute(AN_OLDER_REPLICA)


async def test_once_no_older_replica_was_there_for_a_while_none_comes_back(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        await an_upgrade_passes(ledger, clock)
    with pytest.raises(psycopg.errors.CheckViolation):
        older.execute(AN_OLDER_REPLICA)
    with pytest.raises(ConfigurationError):
        migrate(older, MIGRATIONS[:1])
    assert older.execute("SELECT number FROM ledger_version").fetchall() == [(len(MIGRATIONS),)]


async def test_who_locks_older_ones_out_goes_on_though_nothing_is_prepared_any_more(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        for number in range(9):
            await record(ledger, number)
        await an_upgrade_passes(ledger, clock)
        assert [(await record(ledger, number)).revision for number in range(9)] == [2] * 9


async def test_a_start_that_a_backup_holds_up_is_refused_and_older_replicas_go_on(
    older: Connection, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "PATIENCE", 0.0)
    with reading(older) as backup:
        starting = asyncio.create_task(started(older, clock))
        await until(partial(waits_for_a_lock, older))
        await asyncio.to_thread(does_a_transaction, older)
        with pytest.raises(RefusedForNow) as refused:
            await asyncio.wait_for(starting, SOON)
        said = f"has tables of an older version that nightly (process {backup.info.backend_pid}) is using"
    assert said in refused.value.problems[0]
    assert versions(older) == [(1, 1)]
    await started(older, clock)


def test_who_has_locked_the_tables_is_named_in_a_schema_with_capitals(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "PATIENCE", 0.0)
    monkeypatch.setattr(layouts, "WAIT", "50ms")
    dsn = postgres.dsn(postgres.new_database())
    with (
        psycopg.connect(dsn, autocommit=True) as replica,
        psycopg.connect(f"{dsn} application_name=nightly", autocommit=True) as holder,
    ):
        replica.execute('CREATE SCHEMA "OpsHub"')
        for each in (replica, holder):
            each.execute('SET search_path = "OpsHub"')
        migrate(replica, MIGRATIONS[:1])
        with holder.transaction():
            holder.execute("LOCK TABLE ledger_version")
            with pytest.raises(ConfigurationError, match=f"nightly .process {holder.info.backend_pid}. is using"):
                migrate(replica)
        assert migrate(replica) is False


async def test_a_start_behind_a_command_that_moves_the_ledger_is_refused_for_now(
    older: Connection, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "PATIENCE", 0.0)
    monkeypatch.setattr(layouts, "WAIT", "50ms")
    with reading(older), older.transaction():
        older.execute(TAKE_LOCK.encode())
        with pytest.raises(RefusedForNow, match=rf"is locked by [^,]+ \(process {older.info.backend_pid}\), as while"):
            await asyncio.wait_for(started(older, clock), SOON)
    await started(older, clock)


async def test_a_start_that_a_backup_holds_up_goes_on_once_that_has_ended(
    older: Connection, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = list[float]()

    async def has_tried_twice() -> bool:
        return len(pauses) > 1

    monkeypatch.setattr(layouts, "WAIT", "50ms")
    monkeypatch.setattr(layouts, "sleep", pauses.append)
    with reading(older):
        starting = asyncio.create_task(started(older, clock))
        await until(has_tried_twice)
        assert not starting.done()
    await asyncio.wait_for(starting, SOON)
    assert versions(older) == [(1, len(MIGRATIONS))]


async def test_older_versions_are_locked_out_once_no_backup_is_under_way(
    older: Connection, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, real = list[bool](), layouts.lock_out_older

    def counted(connection: psycopg.Connection[Any], version: int) -> bool:
        tries.append(real(connection, version))
        return tries[-1]

    monkeypatch.setattr(owners, "lock_out_older", counted)
    async with todays(older, clock).opened() as ledger:
        with reading(older):
            await an_upgrade_passes(ledger, clock)
            for number in range(9):
                await record(ledger, number)
            assert (tries, versions(older)) == ([False], [(1, len(MIGRATIONS))])
            clock.now += CLAIM
            await ledger.statistics()
        clock.now += CLAIM
        assert [(await record(ledger, number)).revision for number in range(9)] == [2] * 9
    assert (tries, versions(older)) == ([False, False, True], [(len(MIGRATIONS), len(MIGRATIONS))])


@contextmanager
def reading(older: Connection) -> Iterator[Connection]:
    """Back up the ledger as long as the context is: what it has looked at stays as it is."""
    dsn = f"{older.info.dsn} password={older.info.password} application_name=nightly"
    with psycopg.connect(dsn) as backup:
        backup.execute(SNAPSHOT)
        backup.execute("SELECT FROM ledger_version, owners")
        yield backup


async def started(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened():
        pass


def does_a_transaction(older: Connection) -> None:
    """Let the older replica have its turn, for which it waits as long as any."""
    with older.transaction():
        older.execute("SET LOCAL lock_timeout = '12s'")
        older.execute(TAKE_LOCK.encode())
        assert older.execute(ITS_TRANSACTION).rowcount == 1


async def waits_for_a_lock(watcher: Connection) -> bool:
    return bool(watcher.execute(WAITING).fetchall())


def versions(older: Connection) -> list[tuple[object, ...]]:
    return older.execute("SELECT number, layout FROM ledger_version").fetchall()


async def test_an_older_replica_that_moves_is_never_locked_out(older: Connection, clock: SetClock) -> None:
    async with todays(older, clock).opened() as ledger:
        for _ in range(8):
            older.execute(ITS_TRANSACTION)
            await half_a_claim_passes(ledger, clock)
    assert older.execute("SELECT number FROM ledger_version").fetchall() == [(1,)]
