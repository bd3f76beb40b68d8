"""What opens sessions, made of its parts."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from msgspec import Struct

from connector.ledger.port import OpenedSessions
from connector.model.begun import Opening
from connector.sessions.after_login import AfterLogin
from connector.sessions.issued_headers import HandedOn, IssuedHeaders
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import OpeningRequest
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.openings import Openings, Turns
from connector.sessions.records import SessionRecords
from connector.sessions.running_logins import RunningLogins
from connector.sessions.seal import Seals
from connector.sessions.seats import SeatKeeper, SeatRules

WAITING = 0.5
"""The part of its time that an initialize waits for a seat. The rest of it is the login's."""


class OpeningParts(Struct, frozen=True):
    """What initialize calls, and the logins that it has begun."""

    openings: Openings
    logins: RunningLogins


def opening_over(
    logouts: Logouts,
    live: LiveSessions,
    seals: Seals,
    ledger: OpenedSessions,
    records: SessionRecords,
    *,
    deadline: float,
    longest_header: int,
    handed_on: HandedOn | None = None,
    turns: Turns | None = None,
    is_alone: Callable[[Opening], Coroutine[Any, Any, bool]] | None = None,
    may_replace: Callable[[OpeningRequest], Awaitable[bool]] | None = None,
    seats: SeatRules | None = None,
    clock: Callable[[], float] = time.time,
) -> OpeningParts:
    """Make it.

    Args:
        logouts: know the end system.
        live: knows which sessions are open.
        seals: make the seals.
        ledger: is told of each login.
        records: write down what was opened.
        deadline: is for the end system, in seconds: a caller is answered then.
        longest_header: bytes that a seal may have.
        handed_on: returns what handlers get of a system's settings; None if no calls are served.
        turns: let one initialize of a session run at a time; None if several may.
        is_alone: tells whether no process has another login of a session; None if nobody has to ask.
        may_replace: tells whether what a session has cached can be evicted for it; None if any login may begin.
        seats: let no more logins begin than are allowed; None if any number may.
        clock: tells when a login was made.
    """
    begun = OpeningRecords(ledger, live, not_taken=seats.lines.not_taken if seats else lambda _: None)
    seating = SeatKeeper(seats, begun, patience=WAITING * deadline) if seats else None
    after = AfterLogin(logouts, live, begun, records, IssuedHeaders(seals, live, longest_header, handed_on), clock=clock)
    logins = RunningLogins(logouts.end_system, begun, after, deadline=deadline, seats=seating, is_alone=is_alone)
    pools = seats.pools if seats else None
    openings = Openings(logouts, logins, begun, turns=turns, may_replace=may_replace, pools=pools, clock=clock)
    return OpeningParts(openings, logins)
