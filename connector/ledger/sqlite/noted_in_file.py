"""Lines of the audit log, written into a ledger's file that no server has open."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from connector.ledger.sql.audit_rows import note_at_rest
from connector.ledger.sqlite.inspection import connected, damage_of
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.opening import must_be_ours, must_be_there, refusals
from connector.ledger.sqlite.recovery import is_half_done
from connector.model.audit import Note
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import followed, is_there

HAS_LOG = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'audit'"


@contextmanager
def noting(path: Path) -> Iterator[Note | None]:
    """Give what writes lines, while no server can start with the file; None if there is no ledger, or an older one without any.

    Raises:
        RefusedForNow: a server uses it.
        ConfigurationError: it is damaged, somebody else's, or cannot be written.
    """
    if not (is_there(path) or is_half_done(path)):
        yield None
        return
    path = followed(path)
    lock = Lock(path)
    with refusals(path):
        lock.acquire()
        try:
            must_be_there(path)
            must_be_ours(path)
            if damage := damage_of(path):
                hint = "the server saves what it can when it starts"
                raise ConfigurationError([f"ledger.path: {path}: is damaged ({damage}); {hint}"])
            with closing(connected(path, "rw")) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                yield partial(note_at_rest, connection) if connection.execute(HAS_LOG).fetchone()[0] else None
        finally:
            lock.release()
