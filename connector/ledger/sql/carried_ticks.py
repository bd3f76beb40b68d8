"""Ticks of rows that one ledger takes from another: each counts by itself for how long servers have run with it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from connector.ledger import begun_logins, open_sessions
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.open_sessions import SessionRow
from connector.ledger.sql import ticks
from connector.ledger.sql.ticks import CounterRow
from connector.ledger.unverified import Unverified
from connector.model.debts import Debt
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession

Row = TypeVar("Row", SessionRow, OpeningRow)


@dataclass(frozen=True, slots=True)
class Shift:
    """From the ticks of one ledger to those of the one that takes its rows. What waits is as old there as it was before.

    What is older than that ledger is as old as it.
    """

    origin: int
    """The counter of the ledger that rows come from."""
    target: int
    """That of the one that takes them."""

    def tick(self, number: int) -> int:
        """Return which tick there is as long ago as this one."""
        return max(0, self.target - max(0, self.origin - number))

    def opening(self, row: OpeningRow) -> OpeningRow:
        """Return a row with its tick there. It has to be authenticated anew."""
        return row._replace(tick=self.tick(row.tick))

    def debt(self, debt: Debt) -> Debt:
        """Return a debt whose seat is as old there."""
        return msgspec.structs.replace(debt, seat=self._seat(debt.seat))

    def session(self, session: OpenSession) -> OpenSession:
        """Return a session whose seat is as old there."""
        return replace(session, seat=self._seat(session.seat))

    def _seat(self, seat: Seat | None) -> Seat | None:
        return seat and msgspec.structs.replace(seat, since=self.tick(seat.since))


def counter(found: Iterable[CounterRow], sessions: Iterable[SessionRow], openings: Iterable[OpeningRow], keyring: Keyring) -> int:
    """Return the counter that a ledger's rows tell, as `ticks.read` does."""
    number = ticks.verified(found, keyring)
    if number is not None:
        return number
    opened = (row.opened_tick for row in _believed(sessions, open_sessions.verify, keyring))
    begun = (row.tick for row in _believed(openings, begun_logins.verify, keyring))
    return max([0, *opened, *begun])


def _believed(rows: Iterable[Row], verify: Callable[[Row, Keyring], object], keyring: Keyring) -> Iterator[Row]:
    for row in rows:
        with suppress(KeyMissing, Unverified):
            verify(row, keyring)
            yield row
