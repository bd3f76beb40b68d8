"""Logins that an end system gives to several sessions at once: the last one ends it."""

import asyncio
from dataclasses import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    KEYS,
    ROTATED,
    START,
    LedgerSubject,
    MakeLedger,
    close,
    open_,
    opened,
    owed,
    record,
    request,
    session,
)
from connector.model.debts import LogoutState
from connector.model.outcomes import IN_USE_AGAIN, SHARED
from connector.model.sessions import OpenSession, Renewal, Use


def shared(number: int, token: str = "one", login: str = "l") -> OpenSession:
    return replace(session(number, token, login), is_shared=True)


class SharedLogins(LedgerSubject):
    async def test_only_the_last_of_the_sessions_with_a_shared_login_owes_it(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await open_(ledger, shared(number))
        debts = await asyncio.gather(*(record(ledger, number, "one", login="l") for number in (1, 2, 3)))
        assert sorted(debt.outcome == SHARED for debt in debts) == [False, True, True]
        (due,) = await owed(ledger)
        assert due.credential == request(1, "one").credential
        for number in (1, 2, 3):
            duplicate = await record(ledger, number, "one", login="l")
            assert (duplicate.outcome == SHARED) == (duplicate.id != due.id)

    async def test_a_login_that_is_not_shared_is_owed_by_each_of_its_sessions(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await open_(ledger, session(number, "one"))
        for number in (1, 2):
            await record(ledger, number, "one", login="l")
        assert len(await owed(ledger)) == 2

    async def test_another_credential_or_another_origin_is_another_login(self, ledger: Ledger) -> None:
        await open_(ledger, shared(1))
        await open_(ledger, shared(2, "two"))
        await open_(ledger, replace(shared(3), origin="https://elsewhere.example.com"))
        assert (await record(ledger, 1, "one", login="l")).state is LogoutState.OWED

    async def test_a_shared_login_that_is_replaced_or_unused_is_not_owed_while_another_session_has_it(
        self, ledger: Ledger
    ) -> None:
        await open_(ledger, shared(1))
        await open_(ledger, shared(2))
        await open_(ledger, shared(2, "new", "new"), shared(2))
        assert await owed(ledger) == []
        assert await ledger.end_login(shared(3)) is None
        await open_(ledger, shared(1, "new", "new"), shared(1))
        assert [debt.credential for debt in await owed(ledger)] == [request(1, "one").credential]

    async def test_a_shared_login_that_is_owed_is_in_use_again_once_another_session_has_it(self, ledger: Ledger) -> None:
        await open_(ledger, shared(1))
        debt = await record(ledger, 1, "one", login="l")
        await open_(ledger, shared(2))
        assert await owed(ledger) == []
        assert (await ledger.debt(debt.id)).outcome == IN_USE_AGAIN
        await close(ledger, await record(ledger, 2, "one", login="l"))
        assert await owed(ledger) == []

    async def test_a_renewal_that_comes_after_a_session_left_a_shared_login_owes_nothing(self, ledger: Ledger) -> None:
        await open_(ledger, shared(1))
        await open_(ledger, shared(2))
        await record(ledger, 1, "one", login="l")
        await ledger.renew(Renewal(shared(1).session_id, "l", 0, request(1, "late").credential))
        assert await owed(ledger) == []

    async def test_a_shared_login_is_known_across_restarts_and_by_a_new_key(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, shared(1))
        async with opened(make_ledger(ROTATED)) as ledger:
            await open_(ledger, shared(2))
            await ledger.note_use({shared(1).session_id: Use("l", START + 5)})
            assert (await record(ledger, 2, "one", login="l")).outcome == SHARED
            assert (await record(ledger, 1, "one", login="l")).state is LogoutState.OWED
