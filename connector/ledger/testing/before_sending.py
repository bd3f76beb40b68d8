"""What is promised about a retry that is about to be sent: it looks whether its login is still to be ended, as it claimed it."""

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    GRACE,
    ORIGIN,
    START,
    VERIFIED,
    LedgerSubject,
    open_,
    record,
    request,
    session,
)
from connector.model.debts import Debt, LogoutState
from connector.model.sessions import Renewal


class BeforeSending(LedgerSubject):
    async def claimed(self, ledger: Ledger) -> Debt:
        """Return a debt that is about to be retried."""
        await record(ledger, 1, login="l")
        (debt,) = await ledger.claim_due(START + GRACE, per_origin=1, limit=1)
        assert await ledger.may_send(debt, retried=True)
        return debt

    async def test_what_a_cleanup_of_the_same_owner_has_done_meanwhile_is_not_sent(self, ledger: Ledger) -> None:
        debt = await self.claimed(ledger)
        duplicate = await ledger.record(request(1, login="l"), origin=ORIGIN, drivers=DRIVERS)
        assert not duplicate.in_hand_elsewhere
        await ledger.settle(duplicate, state=LogoutState.CLOSED, outcome=VERIFIED, release=True)
        assert not await ledger.may_send(debt, retried=True)

    async def test_what_is_retried_is_not_sent_once_it_is_in_use_again(self, ledger: Ledger) -> None:
        debt = await self.claimed(ledger)
        await open_(ledger, session(1, login="again"))  # its end system has handed the credential out once more
        assert not await ledger.may_send(debt, retried=True)

    async def test_what_is_retried_is_not_sent_by_a_credential_that_was_renewed(self, ledger: Ledger) -> None:
        debt = await self.claimed(ledger)
        await ledger.renew(Renewal(debt.session_id, "l", 0, request(1, "newer").credential))
        assert not await ledger.may_send(debt, retried=True)

    async def test_what_a_person_has_dismissed_meanwhile_is_not_sent(self, ledger: Ledger) -> None:
        debt = await self.claimed(ledger)
        await ledger.dismiss(debt.id, "no more")
        assert not await ledger.may_send(debt, retried=True)

    async def test_what_nobody_has_claimed_is_looked_up_as_well(self, ledger: Ledger) -> None:
        """An initialize that needs the earlier login ended reads what is owed, and claims nothing."""
        await record(ledger, 1, login="l")
        (read,) = await ledger.owed_of(request(1).session_id)
        cleanup = await ledger.record(request(1, login="l"), origin=ORIGIN, drivers=DRIVERS)
        await ledger.settle(cleanup, state=LogoutState.CLOSED, outcome=VERIFIED, release=True)
        assert [await ledger.claim(read), await ledger.may_send(read, retried=True)] == [False, False]
