"""A backup of a ledger: one file, which only its owner may read, and which no server takes for a ledger."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from connector.ledger.fingerprints import shown_keys
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.sql.moving import Digest, Row
from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.inspection import UNREADABLE, connected
from connector.ledger.sqlite.moving_in import begin_anew, discard, filled
from connector.ledger.sqlite.recovery import files_there
from connector.ledger.sqlite.schema import APPLICATION_OF_BACKUP, MIGRATIONS, is_backup, migrate, version
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import why_not
from connector.runtime.ownership import problem_of_secret, synced_folder
from connector.version import __version__

PURPOSE = "backup"
MAKE = "CREATE TABLE backup (about TEXT NOT NULL, key_id TEXT NOT NULL, mac BLOB NOT NULL) STRICT"
TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name <> 'backup' ORDER BY name"


class About(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    ledger: str
    """Of which ledger it is."""
    made_at: float
    made_by: str
    """The version of the connector."""
    rows: dict[str, int]
    """How many rows each table has."""
    keys: dict[str, str]
    """The keys that it needs, and the digest of each."""
    without_key: dict[str, int]
    """How many rows were made with keys that were missing by then."""
    damaged: int
    """How many rows did not verify."""


def back_up(path: Path, snapshot: Snapshot, keyring: Keyring, *, ledger: str, now: float, advance: Callable[[], None]) -> About:
    """Write what is in a ledger into a new file, read it again, and give it its name. `advance` is called for each row.

    Raises:
        ConfigurationError: there is a file, or it cannot be made, or would not be its owner's alone.
    """
    made = path.with_name(f"{path.name}.unfinished")
    with explained(path):
        if files_there(path):  # SQLite would take what belongs to another one for a part of it
            raise ConfigurationError([f"{path}: is there already; name a new file"])
        try:
            begin_anew(made)
            _must_be_private(made)
            about = _write(made, snapshot, keyring, partial(_about, snapshot, keyring, ledger, now), advance)
            with opened_backup(made, keyring):
                pass  # it is as it was written
            made.replace(path)
            synced_folder(path.absolute().parent)
        finally:
            discard(made)
    return about


@contextmanager
def opened_backup(path: Path, keyring: Keyring) -> Iterator[tuple[Snapshot, About]]:
    """Open a backup that is whole and as it was written, and whose keys are there.

    Raises:
        ConfigurationError: it is not, it is no backup, others may read it, or a newer version has made it.
    """
    with explained(path):
        _must_be_private(path)
        with closing(connected(path, "ro")) as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            about = _verified(connection, path, keyring)
            connection.backup(copy)
            copy.execute("DROP TABLE backup")
            migrate(copy)
            yield Snapshot(FileTable(copy, keyring, may_write=False)), about


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what keeps a backup from being used into a `ConfigurationError` that says so."""
    try:
        yield
    except OSError as problem:
        raise ConfigurationError([f"{path}: {why_not(problem, path)}"]) from problem
    except UNREADABLE as problem:
        raise ConfigurationError([f"{path}: is damaged, or no backup: {problem}"]) from problem


def _must_be_private(path: Path) -> None:
    with path.open("rb") as file:
        if problem := problem_of_secret(file.fileno()):
            raise ConfigurationError([f"{path}: {problem}"])


def _write(path: Path, snapshot: Snapshot, keyring: Keyring, describe: Callable[[], About], advance: Callable[[], None]) -> About:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, filled(connection, snapshot, advance):
        about = describe()
        text = msgspec.json.encode(about).decode()
        connection.execute(MAKE)
        values = (text, keyring.current, _code(connection, text, keyring, keyring.current))
        connection.execute("INSERT INTO backup VALUES (?, ?, ?)", values)
        connection.execute(f"PRAGMA application_id = {APPLICATION_OF_BACKUP}")
    return about


def _about(snapshot: Snapshot, keyring: Keyring, ledger: str, now: float) -> About:
    """Describe what was read. Rows of the ledger that prove to be made with a key, and the checksum, need it."""
    needed = {keyring.current, *snapshot.by_key}
    return About(
        ledger=ledger,
        made_at=now,
        made_by=__version__,
        rows=dict(snapshot.counted),
        keys={key_id: digest for key_id, digest in shown_keys(keyring).items() if key_id in needed},
        without_key=dict(snapshot.without_key),
        damaged=snapshot.damaged,
    )


def _verified(connection: sqlite3.Connection, path: Path, keyring: Keyring) -> About:
    if not is_backup(connection):
        raise ConfigurationError([f"{path}: is no backup of a ledger; `connector backup` makes one"])
    if (found := version(connection)) > len(MIGRATIONS):
        raise ConfigurationError([f"{path}: has format {found}; this version reads up to {len(MIGRATIONS)}"])
    text, key_id, mac = connection.execute("SELECT about, key_id, mac FROM backup").fetchone()
    try:
        about = msgspec.json.decode(text, type=About)
    except msgspec.MsgspecError as problem:
        raise ConfigurationError([f"{path}: is damaged: {problem}"]) from None
    _must_have_keys(path, about, keyring)
    try:
        is_sound = mac == _code(connection, text, keyring, key_id)
    except KeyMissing as missing:
        raise ConfigurationError([f"{path}: {missing}"]) from None
    if not is_sound:
        raise ConfigurationError([f"{path}: was altered or damaged: its checksum is wrong. Nothing is restored from it"])
    return about


def _must_have_keys(path: Path, about: About, keyring: Keyring) -> None:
    """Refuse what could not be read: a key that is missing now would be missing for good, once the ledger is in use."""
    there = shown_keys(keyring)
    if missing := [f"{key_id} (digest {digest})" for key_id, digest in about.keys.items() if there.get(key_id) != digest]:
        hint = "put them back into ledger.key_file, or into CONNECTOR_LEDGER_KEYS, from your backup of the keys"
        raise ConfigurationError([f"{path}: needs keys that are not there: {', '.join(missing)}; {hint}"])


def _code(connection: sqlite3.Connection, about: str, keyring: Keyring, key_id: str) -> bytes:
    """Return the code over all that a backup holds."""
    return keyring.mac(PURPOSE, about.encode() + Digest().of(_everything(connection)), key_id=key_id)


def _everything(connection: sqlite3.Connection) -> Iterable[Row]:
    """Yield all rows as they are in the file, whatever version has made it."""
    for name, made_by in [*connection.execute(TABLES)]:
        yield name, made_by
        yield from connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')  # noqa: S608 - names of our own tables
