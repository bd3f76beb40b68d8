"""What became of a try: closed, put off, overtaken."""

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    HOUR,
    PENDING,
    START,
    VERIFIED,
    LedgerSubject,
    SetClock,
    all_due,
    close,
    record,
)
from connector.model.debts import LogoutState


class Tries(LedgerSubject):
    async def test_a_login_that_owes_nothing_is_closed_and_its_credential_is_gone(self, ledger: Ledger, clock: SetClock) -> None:
        debt = await record(ledger, 1)
        clock.now += 5
        closed = await close(ledger, debt)
        assert closed is not None
        assert (closed.state, closed.outcome, closed.attempts, closed.evictions) == (LogoutState.CLOSED, VERIFIED, 1, {})
        assert (closed.closed_at, closed.credential) == (START + 5, None)
        assert await all_due(ledger, START + HOUR) == []

    async def test_a_closed_logout_whose_eviction_failed_stays_open_without_its_credential(self, ledger: Ledger) -> None:
        settled = await ledger.settle(await record(ledger, 1), state=LogoutState.CLOSED, outcome=VERIFIED, evicted=["memory"])
        assert settled is not None
        assert (settled.closed_at, settled.credential, [*settled.evictions]) == (None, None, ["sqlite"])
        assert [debt.id for debt in await ledger.owed_evictions("sqlite")] == [settled.id]
        assert await ledger.owed_evictions("memory") == []
        assert await all_due(ledger) == []
        done = await ledger.settle(settled, state=LogoutState.CLOSED, evicted=["sqlite"])
        assert done is not None
        assert (done.closed_at, done.attempts) == (START, 1)

    async def test_a_duplicate_of_a_closed_logout_owes_its_eviction_only(self, ledger: Ledger) -> None:
        await close(ledger, await record(ledger, 1))
        duplicate = await record(ledger, 1)
        assert (duplicate.state, duplicate.outcome, duplicate.closed_at) == (LogoutState.CLOSED, VERIFIED, None)
        assert {*duplicate.evictions} == {*DRIVERS}
        assert await all_due(ledger, START + HOUR) == []
        done = await ledger.settle(duplicate, state=LogoutState.CLOSED, evicted=DRIVERS)
        assert done is not None
        assert (done.closed_at, done.attempts) == (START, 1)

    async def test_a_duplicate_that_comes_later_clears_its_eviction_itself(self, ledger: Ledger) -> None:
        first, second = await record(ledger, 1), await record(ledger, 1)
        after_first = await close(ledger, first)
        assert after_first is not None
        assert (after_first.state, {*after_first.evictions}) == (LogoutState.CLOSED, {*DRIVERS})
        after_second = await close(ledger, second)
        assert after_second is not None
        assert after_second.evictions == {}

    async def test_a_try_that_a_duplicate_has_overtaken_can_only_close(self, ledger: Ledger) -> None:
        first, second = await record(ledger, 1), await record(ledger, 1)
        for state in (LogoutState.OWED, LogoutState.WAITING):
            late = await ledger.settle(first, state=state, outcome=PENDING, due_at=START + 999, waited=999)
            assert late is not None
            assert (late.state, late.due_at, late.waited) == (LogoutState.OWED, START + self.grace, 0)
        await close(ledger, second)
        late = await ledger.settle(first, state=LogoutState.OWED, outcome=PENDING)
        assert late is not None
        assert (late.state, late.outcome, late.attempts) == (LogoutState.CLOSED, VERIFIED, 1)

    async def test_a_pending_logout_is_due_again_when_it_was_put_off_to(self, ledger: Ledger) -> None:
        debt = await record(ledger, 1)
        settled = await ledger.settle(
            debt, state=LogoutState.OWED, outcome=PENDING, due_at=START + 100, waited=12.5, evicted=DRIVERS
        )
        assert settled is not None
        assert await all_due(ledger, START + 99) == []
        assert await all_due(ledger, START + 100) == [settled]
        assert (settled.outcome, settled.attempts, settled.waited, settled.credential) == (PENDING, 1, 12.5, debt.credential)

    async def test_nothing_is_put_off_for_more_than_an_hour(self, ledger: Ledger) -> None:
        settled = await ledger.settle(await record(ledger, 1), state=LogoutState.OWED, due_at=START + 1e9)
        assert settled is not None
        assert settled.due_at == START + HOUR
