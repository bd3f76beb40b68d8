"""The format of the cache file. Opening creates it, checks it, or moves a damaged one aside."""

import glob
import sqlite3

import structlog

from drivers.driver_errors import DriverFormatError, DriverMisconfigured
from drivers.folders import make_private_folder
from drivers.sqlite_file import SQLITE_FAILURES, DamagedRow, SqliteFile, is_damage
from drivers.sqlite_writer import transaction

log = structlog.get_logger(__name__)

APPLICATION_ID = 0x4F504843
"""`OPHC` in ASCII, which tells our files from those of other programs."""
FORMAT_VERSION = 2
"""2: entries are in the order in which they were stored, and free pages can be given back."""
PAGE_SIZE = 8192
"""Bytes; a row that is longer lies in pages of its own."""
LONGEST_LOG = 16 * 1024 * 1024
"""Bytes that the write-ahead log keeps of what one large transaction has made it grow to."""

SCHEMA = (
    "CREATE TABLE generations (scope BLOB PRIMARY KEY, token BLOB, used INTEGER) WITHOUT ROWID",
    "CREATE INDEX generations_by_use ON generations (used)",
    "CREATE TABLE buckets (token BLOB, bucket BLOB, PRIMARY KEY (token, bucket)) WITHOUT ROWID",
    "CREATE TABLE garbage (token BLOB PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY, bucket BLOB, key BLOB, expires_at REAL, checksum INTEGER, stamp BLOB, value BLOB
    )""",
    "CREATE UNIQUE INDEX entries_by_key ON entries (bucket, key)",
    "CREATE INDEX entries_by_expiry ON entries (expires_at)",
)


def open_cache(file: SqliteFile, discard: tuple[int, int] | None = None) -> sqlite3.Connection:
    """Open the cache file for writing, and create it if there is none. Blocks.

    The cache is disposable: a damaged file is moved aside, and a new one begins. So is the file with the identity `discard`,
    if it is still there, because damage may show later than here.

    Raises:
        DriverFormatError: for the file of a newer version or of another program.
        DriverMisconfigured: if it can be neither created nor written.
    """
    with file.explained():
        make_private_folder(file.path.parent)
        with file.locked():
            if discard is not None and file.identity == discard:
                _move_aside(file, "it turned out to be damaged while in use")
            try:
                return _opened(file)
            except SQLITE_FAILURES as problem:
                if not is_damage(problem):
                    raise
                _move_aside(file, str(problem))
                return _opened(file)


def _move_aside(file: SqliteFile, reason: str) -> None:
    """Keep the damaged file for a person to look at. It replaces an earlier one, because a cache has a bound."""
    for earlier in file.path.parent.glob(f"{glob.escape(file.path.name)}.corrupt-*"):
        earlier.unlink(missing_ok=True)
    aside = file.move_aside()
    log.warning(
        "the cache file is damaged: it is moved aside, and a new one begins",
        path=str(file.path),
        moved_to=str(aside),
        reason=reason,
    )


def _opened(file: SqliteFile) -> sqlite3.Connection:
    file.create_if_missing()
    connection = file.connect()
    try:
        # Begun anew, not converted: it is a cache.
        if _is_older(connection):
            connection.close()
            return _begun_anew(file)
        _make_ready(file, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _begun_anew(file: SqliteFile) -> sqlite3.Connection:
    log.info("the cache file is of an older version: a new one begins", path=str(file.path))
    file.path.unlink()
    return _opened(file)


def _make_ready(file: SqliteFile, connection: sqlite3.Connection) -> None:
    schema = {statement for (statement,) in connection.execute("SELECT CAST(sql AS BLOB) FROM sqlite_schema")}
    if not schema:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        # Only an empty file takes these two: they shape its pages.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    else:
        _must_be_ours(file, connection)
        if schema != {statement.encode() for statement in SCHEMA}:
            raise DamagedRow("its tables are not as they were created")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise DriverMisconfigured(f"{file.path}: this file system has no write-ahead log; set a path on a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")  # no statement opens a file: there may be no descriptor left
    connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG}")
    connection.execute("PRAGMA secure_delete = FAST")  # a damaged page must not lead back to what was deleted from it
    with transaction(connection):
        if not schema:
            _create(connection)
        prove_writable(connection)


def _must_be_ours(file: SqliteFile, connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise DriverFormatError(f"{file.path}: this is a database of another program; set another path")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    # Not moved aside: a newer version on the same machine may be using it.
    if version > FORMAT_VERSION:
        raise DriverFormatError(
            f"{file.path}: written by a newer version (format {version}, this one reads {FORMAT_VERSION}); "
            "upgrade, or delete the file: it holds nothing but a cache"
        )


def _is_older(connection: sqlite3.Connection) -> bool:
    """Tell whether an older version of this driver has made the file."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return False
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] < FORMAT_VERSION)


def _create(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def prove_writable(connection: sqlite3.Connection) -> None:
    """Write, without changing anything: the number of the format that is there already."""
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
