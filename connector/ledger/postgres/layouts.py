"""Which versions work with the tables, and how older tables become today's, while replicas of the version before go on.

A migration only adds, so that it disturbs no older replica, and an older one may even start again. What older ones cannot read is
written only after they are locked out, which is done once all owners that are there can read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import psycopg

from connector.ledger.postgres.preparing import forget_prepared
from connector.ledger.postgres.tables import MIGRATIONS, NUMBER_OF_LEDGERS, TAKE_LOCK
from connector.ledger.sql.moving import MOVED
from connector.model.errors import ConfigurationError, LedgerUnavailable, RefusedForNow

MARKER = "ledger_version"
"""The table that every ledger has."""
MAKE_VERSION = f"CREATE TABLE IF NOT EXISTS {MARKER} (number bigint NOT NULL)"
FIND = """SELECT coalesce(max(number), 0), coalesce(max((to_jsonb(found)->>'layout')::bigint), max(number), 0)
    FROM ledger_version AS found"""
"""Version 1 has no column `layout`."""
NOTE = (
    "ALTER TABLE ledger_version ADD COLUMN IF NOT EXISTS layout bigint",
    "DELETE FROM ledger_version",
)
LOCK_OUT = """ALTER TABLE owners DROP CONSTRAINT IF EXISTS owner_is_of_today,
    ADD CONSTRAINT owner_is_of_today CHECK (reads >= {})"""
"""A replica of an older version that was paused, and comes back, gets no row, and so does nothing."""
LIMIT = "SELECT set_config('lock_timeout', %s, true)"
"""For as long as the transaction lasts, or what is left of it."""
WAIT = "2s"
"""For how long a migration waits for somebody who reads the tables. All replicas, and whoever is to read next, wait with it."""
PAUSE = 4.0
"""Seconds until it is tried again. Replicas go on meanwhile."""
PATIENCE = 30.0
"""Seconds after which a start gives up. A dump of a large ledger takes longer."""
BRIEFLY = "100ms"
"""As `WAIT`, for what can be put off."""
HOLDERS = """SELECT DISTINCT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE granted AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (SELECT pg_class.oid FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid
        WHERE nspname = current_schema()) AND NOT EXISTS (
        SELECT FROM pg_locks AS held WHERE held.pid = pg_stat_activity.pid AND locktype = 'advisory' AND granted
    ) ORDER BY pid"""
"""Everybody may see the name of a program. Whoever has the ledger's lock is a replica, and holds nobody up for long."""
LOCKED_BY = """SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE granted AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND locktype = 'advisory' AND objsubid = 1
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended(current_schema(), %s)"""
"""Unless it is a command that moves the ledger, or a replica that has stopped in the middle of a transaction."""
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class TablesVersion:
    """Which versions work with the tables."""

    oldest: int
    """The oldest one; 0 if there are no tables."""
    made: int
    """The last one whose migration was made."""

    @property
    def has_moved(self) -> bool:
        """Whether the ledger is in another place by now."""
        return self.oldest > MOVED


class _Locked(Exception):
    """Somebody has the lock of the ledger."""


def found_version(connection: Connection) -> TablesVersion:
    """Return the layout that the tables have. Raises `UndefinedTable` if there is no ledger."""
    [(oldest, made)] = connection.execute(FIND).fetchall()
    return TablesVersion(oldest, made)


def moved_to(connection: Connection) -> str | None:
    """Return where a ledger has gone that was moved; None if it is here."""
    if not found_version(connection).has_moved:
        return None
    [(target,)] = connection.execute("SELECT target FROM moved").fetchall()
    return str(target)


def why_elsewhere(connection: Connection) -> str | None:
    """Say where a ledger has gone that was moved, and what to do; None if it is here."""
    target = moved_to(connection)
    return target and f'was moved to {target}; expected ledger.store = "sqlite"'


def must_be_here(connection: Connection, oldest: int) -> None:
    """Raise `LedgerUnavailable` if the oldest version that works with the tables says that nobody reads them any more."""
    if oldest > MOVED:
        raise LedgerUnavailable(f"the ledger in the database: {why_elsewhere(connection)}")


def migrate(connection: Connection, migrations: Sequence[str] = MIGRATIONS) -> bool:
    """Bring an empty schema or an older layout to the last of `migrations`: wholly, or not at all. Tell whether it was empty.

    Replicas that start at once do it one after the other. A reader of the tables, such as a backup, holds it up, and so does who
    moves the ledger. Then it is tried again for a while.

    Raises:
        RefusedForNow: that is too long.
        ConfigurationError: this version is too old for the tables.
    """
    gives_up, in_the_way = monotonic() + PATIENCE, set[int]()
    while True:
        try:
            # Whoever was in the way once still is: to wait for him in the line would let the replicas wait, too.
            if not in_the_way or in_the_way.isdisjoint(_readers(connection)):
                return _migrated(connection, migrations)
        except _Locked:
            why = _locked
        except psycopg.errors.LockNotAvailable:
            in_the_way, why = {*_readers(connection)}, _read
        if monotonic() >= gives_up:
            raise RefusedForNow([why(connection)])
        sleep(PAUSE)


def lock_out_older(connection: Connection, version: int) -> bool:
    """Record that no version before this one works with the tables any more, as a part of the transaction that is under way.

    Tell whether that is done. It waits for nobody who reads the tables, because all replicas would wait with it.
    """
    try:
        with connection.transaction():
            connection.execute(LIMIT, [BRIEFLY])
            connection.execute("UPDATE ledger_version SET number = %s", (version,))
            connection.execute(LOCK_OUT.format(int(version)).encode())
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        forget_prepared(connection)
    return True


def _migrated(connection: Connection, migrations: Sequence[str]) -> bool:
    with connection.transaction():
        connection.execute(LIMIT, [WAIT])
        try:
            connection.execute(TAKE_LOCK)
        except psycopg.errors.LockNotAvailable as problem:
            raise _Locked from problem
        connection.execute(MAKE_VERSION)
        found = found_version(connection)
        if elsewhere := why_elsewhere(connection):
            raise ConfigurationError([elsewhere])
        if found.oldest > len(migrations):
            raise ConfigurationError([f"has format {found.oldest}; this version reads up to {len(migrations)}"])
        for step in migrations[found.made :]:
            connection.execute(step.encode())
        if found.made < len(migrations):
            _note(connection, TablesVersion(found.oldest or len(migrations), len(migrations)))
        return found.oldest == 0


def _readers(connection: Connection) -> dict[int, str]:
    """Return who has locked tables of the ledger: the program by its process."""
    return {pid: name for name, pid in connection.execute(HOLDERS).fetchall()}


def _read(connection: Connection) -> str:
    """Say who reads the tables, as far as that is known, and what to do."""
    readers = _readers(connection)
    who, is_ = _named(readers) or "another program", "are" if len(readers) > 1 else "is"
    return f"has tables of an older version that {who} {is_} using, and that cannot change meanwhile: start again after that"


def _locked(connection: Connection) -> str:
    """Say who has locked the ledger, as far as that is known, and what to do."""
    holders = {pid: name for name, pid in connection.execute(LOCKED_BY, [NUMBER_OF_LEDGERS]).fetchall()}
    who = _named(holders) or "another program"
    return f"is locked by {who}, as while a ledger is copied or its tables are changed: start again after that"


def _named(programs: Mapping[int, str]) -> str:
    return ", ".join(f"{name or 'a program'} (process {pid})" for pid, name in programs.items())


def _note(connection: Connection, layout: TablesVersion) -> None:
    for statement in NOTE:
        connection.execute(statement)
    connection.execute("INSERT INTO ledger_version (number, layout) VALUES (%s, %s)", (layout.oldest, layout.made))
