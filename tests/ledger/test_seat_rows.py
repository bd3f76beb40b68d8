"""Seats in the file: a row is kept as long as its login may be alive."""

from pathlib import Path

from connector.ledger.testing.ledger_subject import every_row
from connector.ledger.testing.seating import POOL, UNPROVED, cleaned_up, seated
from connector.model.debts import LogoutState
from connector.model.seat_pools import HeldSeats
from tests.ledger.ledgers import DRIVERS, SetClock, opened

A_YEAR = 365 * 86_400.0


async def test_a_closed_row_that_holds_a_seat_is_kept_until_the_seat_is_given_back(tmp_path: Path, clock: SetClock) -> None:
    async with opened(tmp_path, clock=clock) as ledger:
        debt = await cleaned_up(ledger, await seated(ledger, 1))
        await ledger.settle(debt, state=LogoutState.CLOSED, outcome=UNPROVED, evicted=DRIVERS)
        clock.now += A_YEAR
        await ledger.tidy()
        assert await ledger.held_seats(POOL) == HeldSeats(unproved=1)
        await ledger.let_go_unknown(1)
        await ledger.tidy()
        assert await every_row(ledger) == []
