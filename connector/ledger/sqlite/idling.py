"""Which open sessions nobody uses, or are open for too long. The cost does not grow with those that are in use."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain

from connector.ledger.sqlite import session_rows
from connector.ledger.sqlite.session_rows import Believed, last_use
from connector.ledger.sqlite.table import Table
from connector.model.sessions import OpenSession


@dataclass(frozen=True, slots=True)
class Idle:
    """Which sessions are wanted, as in `RunningTime.idle`."""

    unused_since: int | None
    opened_since: int | None
    unanswered_since: int | None


def idle(table: Table, wanted: Idle, limit: int) -> list[OpenSession]:
    """Return the sessions that any of these conditions is true of, each once."""
    rows = chain(_open_for_long(table, wanted), merge(*_unused(table, wanted), key=last_use))
    found: dict[int | None, OpenSession] = {}
    for row, session in rows:
        if len(found) == limit:
            break
        found[row.id] = session
    return [*found.values()]


def _open_for_long(table: Table, wanted: Idle) -> Iterator[Believed]:
    return iter(()) if wanted.opened_since is None else session_rows.opened(table, wanted.opened_since)


def _unused(table: Table, wanted: Idle) -> Iterator[Iterator[Believed]]:
    if wanted.unused_since is not None:
        yield session_rows.unused(table, wanted.unused_since, unanswered=False)
    since = [tick for tick in (wanted.unused_since, wanted.unanswered_since) if tick is not None]
    if since:
        yield session_rows.unused(table, max(since), unanswered=True)
