"""Which sessions are beyond their time. Time is counted in ticks of a running server."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from msgspec import Struct

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import RunningTime
from connector.model.listed import TICK
from connector.model.sessions import OpenSession, Reason

GRACE = 600.0
"""Seconds without use after which a session ends whose first answer may never have left."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session may live, in seconds; None if that is no reason to end it."""

    idle: float | None
    """Without use."""
    longest: float | None
    """In all."""
    unanswered: float | None
    """Without use, if it is unknown whether OpsHub was given its seal."""


class Overdue(Struct, frozen=True):
    """A session that is beyond its time, and why."""

    session: OpenSession
    reason: Reason


async def overdue(ledger: RunningTime, lifetimes: Lifetimes, now: int, limit: int) -> list[Overdue]:
    """Return who is beyond his time at a tick: for each reason `limit` sessions at most, the oldest first.

    Raises:
        LedgerUnavailable: it cannot tell for now.
    """
    ask = partial(ledger.idle, unused_since=None, opened_since=None, unanswered_since=None, limit=limit)
    found = []
    for reason, since in _questions(lifetimes, now):
        found += [Overdue(session, reason) for session in await in_time(ask(**since))]
    return found


def ticks_of(seconds: float) -> int:
    """Return how many ticks have to pass so that so many seconds have passed for certain: the first may be a short one."""
    return math.ceil(seconds / TICK) + 1


def _questions(lifetimes: Lifetimes, now: int) -> Iterator[tuple[Reason, dict[str, int]]]:
    if lifetimes.longest is not None:
        yield Reason.LIFETIME, {"opened_since": now - ticks_of(lifetimes.longest)}
    if lifetimes.idle is not None:
        yield Reason.IDLE, {"unused_since": now - ticks_of(lifetimes.idle)}
    if lifetimes.unanswered is not None:
        yield Reason.UNANSWERED, {"unanswered_since": now - ticks_of(lifetimes.unanswered)}
