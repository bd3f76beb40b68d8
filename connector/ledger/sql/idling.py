"""Which open sessions nobody uses, or are open for too long. The cost does not grow with those that are in use."""

from collections.abc import Iterator
from heapq import merge
from itertools import chain, takewhile

from msgspec import Struct

from connector.ledger.sql.session_rows import Believed, found
from connector.ledger.sql.table import Table
from connector.model.sessions import OpenSession


class Idle(Struct, frozen=True):
    """Which sessions are wanted, as in `RunningTime.idle`."""

    unused_since: int | None
    opened_since: int | None
    unanswered_since: int | None


def idle(table: Table, wanted: Idle, limit: int) -> list[OpenSession]:
    """Return the sessions that any of these conditions is true of, each once."""
    chosen: dict[int | None, OpenSession] = {}
    for row, session in chain(_opened(table, wanted.opened_since), _unused(table, wanted)):
        if len(chosen) == limit:
            break
        chosen[row.id] = session
    return [*chosen.values()]


def unused_of(table: Table, pools: list[bytes], since: int) -> Iterator[OpenSession]:
    """Yield sessions that hold seats of these pools and were not used after a tick, the longest unused first."""
    condition = "WHERE seat = ? AND used_tick <= ? ORDER BY used_tick, id"
    return (session for _, session in merge(*(found(table, condition, pool, since) for pool in pools), key=_last_use))


def latest_tick(table: Table) -> int:
    """Return at which tick the session was opened that was opened last, of those whose rows are to be believed.

    At which tick a session was used, anybody may have altered.
    """
    return next((row.opened_tick for row, _ in found(table, "ORDER BY id DESC")), 0)


def _opened(table: Table, since: int | None) -> Iterator[Believed]:
    """Yield sessions that were opened at a tick or before. Their ids tell which were opened first."""
    if since is None:
        return iter(())
    return takewhile(lambda believed: believed[0].opened_tick <= since, found(table, "ORDER BY id"))


def _unused(table: Table, wanted: Idle) -> Iterator[Believed]:
    """Yield sessions that were not used after a tick. It is another one for those of which no use was noted at all."""
    since = [tick for tick in (wanted.unused_since, wanted.unanswered_since) if tick is not None]
    of_all = [] if wanted.unused_since is None else [(0, wanted.unused_since)]
    unanswered = [(1, max(since))] if since else []
    condition = "WHERE unanswered = ? AND used_tick <= ? ORDER BY used_tick, id"
    return merge(*(found(table, condition, *values) for values in (*of_all, *unanswered)), key=_last_use)


def _last_use(believed: Believed) -> tuple[int, int]:
    row, _ = believed
    return row.used_tick, row.id or 0
