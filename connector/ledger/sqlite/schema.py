"""The file's layout, its version, and how an older one becomes today's."""

import sqlite3
from collections.abc import Sequence

APPLICATION = 0x4F504C47
"""`application_id` of a ledger: "OPLG"."""
APPLICATION_OF_BACKUP = 0x4F504C42
"""That of a ledger's backup: "OPLB". No server of any version takes it for a ledger."""

VERSION_1 = """
CREATE TABLE debts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    system_id TEXT,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    attempts INTEGER NOT NULL,
    waited REAL NOT NULL,
    evictions TEXT,
    revision INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    due_at REAL NOT NULL,
    closed_at REAL,
    dismissed TEXT,
    credential BLOB,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX debts_of_login ON debts (session_id, fingerprint);
CREATE INDEX debts_due ON debts (key_id, origin, due_at) WHERE state = 'owed';
CREATE INDEX debts_owing_evictions ON debts (id) WHERE evictions IS NOT NULL;
CREATE INDEX debts_open ON debts (key_id, state, recorded_at) WHERE closed_at IS NULL;
CREATE INDEX debts_closed ON debts (closed_at) WHERE closed_at IS NOT NULL;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    session_id TEXT NOT NULL,
    system_id TEXT,
    origin TEXT NOT NULL,
    recorded_at REAL NOT NULL
) STRICT;
CREATE TABLE lost_track (reason TEXT NOT NULL) STRICT;
"""

VERSION_2 = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    system_id TEXT,
    origin TEXT NOT NULL,
    login_id TEXT NOT NULL,
    opened_at REAL NOT NULL,
    used_at REAL NOT NULL,
    credential BLOB,
    mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX sessions_by_id ON sessions (session_id);
CREATE TABLE identity (id BLOB NOT NULL) STRICT;
INSERT INTO identity VALUES (randomblob(16));
"""

VERSION_3 = """
ALTER TABLE debts ADD COLUMN login_id TEXT NOT NULL DEFAULT '';
DROP INDEX sessions_by_id;
CREATE UNIQUE INDEX sessions_by_login ON sessions (session_id, login_id);
CREATE INDEX sessions_by_key ON sessions (key_id);
"""

VERSION_4 = """
ALTER TABLE debts ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
"""

VERSION_5 = """
ALTER TABLE debts ADD COLUMN share BLOB;
ALTER TABLE sessions ADD COLUMN share BLOB;
CREATE INDEX debts_by_share ON debts (share) WHERE share IS NOT NULL;
CREATE INDEX sessions_by_share ON sessions (share) WHERE share IS NOT NULL;
"""

VERSION_6 = """
CREATE TABLE openings (
    id INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    system_id TEXT,
    origin TEXT NOT NULL,
    login_id TEXT NOT NULL,
    opened_at REAL NOT NULL,
    owner BLOB,
    overtaken INTEGER NOT NULL,
    tick INTEGER NOT NULL,
    seat BLOB,
    mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX openings_by_login ON openings (session_id, login_id);
ALTER TABLE sessions ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN opened_tick INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN used_tick INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_by_use ON sessions (unanswered, used_tick);
ALTER TABLE sessions ADD COLUMN seat BLOB;
ALTER TABLE debts ADD COLUMN seat BLOB;
ALTER TABLE debts ADD COLUMN made_tick INTEGER NOT NULL DEFAULT 0;
ALTER TABLE debts ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX openings_by_seat ON openings (seat) WHERE seat IS NOT NULL;
CREATE INDEX sessions_by_seat ON sessions (seat, used_tick) WHERE seat IS NOT NULL;
CREATE INDEX debts_by_seat ON debts (seat) WHERE holds = 1;
CREATE TABLE ticks (key_id TEXT NOT NULL, number INTEGER NOT NULL, mac BLOB NOT NULL) STRICT;
"""

VERSION_7 = ""
"""The tables stay, but rows of sessions may be authenticated apart from their use, which no older version can read."""

VERSION_8 = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    word BLOB NOT NULL,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    place TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT
) STRICT;
CREATE UNIQUE INDEX audit_by_word ON audit (word);
CREATE INDEX audit_by_moment ON audit (at);
"""

VERSION_9 = "CREATE TABLE authority (store TEXT NOT NULL) STRICT"
"""The store that decides what is served, as the last start has it."""

MIGRATIONS: tuple[str, ...] = (
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    VERSION_6,
    VERSION_7,
    VERSION_8,
    VERSION_9,
)
"""The statements that lead from each version to the next; the first makes version 1 out of nothing."""


def version(connection: sqlite3.Connection) -> int:
    """Return the version of the layout that the file has; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_ledger(connection: sqlite3.Connection) -> bool:
    """Tell whether the file was made by this module."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION


def is_backup(connection: sqlite3.Connection) -> bool:
    """Tell whether the file is a backup of a ledger, of which no server may make use as it is."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION_OF_BACKUP


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring an empty file or an older version to the last of `migrations`: wholly, durably, or not at all."""
    if version(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version(connection) :]:
            for statement in step.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def layout(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    """Return what the file says of its own tables and indices. Two files of one version say the same."""
    return {
        *connection.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
        )
    }


def expected_layout(migrations: Sequence[str] = MIGRATIONS) -> set[tuple[str, ...]]:
    """Return the `layout` of a sound file of the last version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, migrations)
        return layout(connection)
    finally:
        connection.close()
