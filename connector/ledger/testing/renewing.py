"""Credentials that are renewed: whoever ends the login ends the newest, and nothing comes alive again."""

import asyncio

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ORIGIN,
    PENDING,
    REFUSED,
    ROTATED,
    START,
    VERIFIED,
    LedgerSubject,
    MakeLedger,
    SetClock,
    all_due,
    close,
    logins,
    open_,
    opened,
    owed,
    record,
    request,
    session,
    untried,
)
from connector.model.cleanup import Missed
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.outcomes import NO_LOGIN
from connector.model.sessions import Current, Renewal, Use


def credential(token: str) -> Credential:
    return request(1, token).credential


async def renew(ledger: Ledger, token: str, version: int = 0, *, login: str = "l") -> Current | None:
    """Renew the login of session 1."""
    return await ledger.renew(Renewal(session(1).session_id, login, version, credential(token)))


async def credentials_owed(ledger: Ledger) -> list[Credential | None]:
    return [debt.credential for debt in await owed(ledger)]


class Renewing(LedgerSubject):
    async def test_a_renewed_credential_survives_and_its_seals_cleanup_ends_it(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, session(1, "first"))
            assert await renew(ledger, "second") == Current(credential("second"), 1)
            assert await renew(ledger, "third", 1) == Current(credential("third"), 2)
        async with opened(make_ledger(KEYS)) as ledger:
            assert (await ledger.known_sessions()).renewed == {session(1).session_id: Current(credential("third"), 2)}
            assert (await record(ledger, 1, "first", login="l")).credential == credential("third")
            duplicate = await record(ledger, 1, "first", login="l")
            assert (duplicate.credential, duplicate.revision) == (credential("third"), 2)

    async def test_of_two_renewals_of_one_version_the_first_counts(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        found = await asyncio.gather(*(renew(ledger, token) for token in ("one", "other")))
        assert found[0] == found[1]
        assert found[0] in {Current(credential("one"), 1), Current(credential("other"), 1)}

    async def test_what_replaces_a_session_and_what_ends_it_late_end_the_newest_credential(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await renew(ledger, "second")
        await open_(ledger, session(1, "new", "new"), session(1, "first"))
        assert await credentials_owed(ledger) == [credential("second")]
        await renew(ledger, "newer", login="new")
        await ledger.record_late(Missed(request(1, "new", login="new"), ORIGIN, DRIVERS, ["new"]))
        assert {*await credentials_owed(ledger)} == {credential("second"), credential("newer")}

    async def test_a_login_that_nobody_will_use_is_owed_by_its_newest_credential(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await renew(ledger, "second")
        await ledger.end_login(session(1, "first"))
        assert await credentials_owed(ledger) == [credential("second")]

    async def test_a_cleanup_without_a_seal_owes_the_sessions_login_by_its_newest_credential(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await renew(ledger, "second")
        await record(ledger, 1, "other")
        assert {*await credentials_owed(ledger)} == {credential("second"), credential("other")}

    async def test_a_renewal_after_the_cleanup_goes_to_the_debt_and_opens_no_session(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await record(ledger, 1, "first", login="l")
        assert await renew(ledger, "second") == Current(credential("second"), 1, is_open=False)
        assert await logins(ledger) == {}
        assert [debt.credential for debt in await all_due(ledger, START)] == [credential("second")], "due at once"

    @pytest.mark.parametrize("state", [LogoutState.CLOSED, LogoutState.OWED, LogoutState.WAITING])
    async def test_a_try_with_the_older_credential_says_nothing_of_the_newer(self, ledger: Ledger, state: LogoutState) -> None:
        await open_(ledger, session(1, "first"))
        tried = await record(ledger, 1, "first", login="l")
        await renew(ledger, "second")
        outcome = {LogoutState.CLOSED: VERIFIED, LogoutState.OWED: PENDING, LogoutState.WAITING: REFUSED}[state]
        settled = await ledger.settle(tried, state=state, outcome=outcome, due_at=START + 999, evicted=DRIVERS)
        assert settled is not None
        assert (settled.state, settled.evictions, settled.attempts, settled.outcome) == (LogoutState.OWED, {}, 1, None)
        (due,) = await all_due(ledger, START)
        assert due.credential == credential("second")
        closed = await close(ledger, due)
        assert closed is not None
        assert (closed.state, closed.outcome) == (LogoutState.CLOSED, VERIFIED)

    async def test_a_late_outcome_of_an_older_credential_leaves_the_newer_owed(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await renew(ledger, "second")
        done = replace(request(1, "first", login="l"), foregone=VERIFIED)
        for _ in range(2):
            await ledger.record_late(Missed(done, ORIGIN, DRIVERS, ["l"]))
            assert await credentials_owed(ledger) == [credential("second")]

    async def test_a_login_that_is_renewed_after_it_was_ended_is_owed_again(self, ledger: Ledger, clock: SetClock) -> None:
        await open_(ledger, session(1, "first"))
        await close(ledger, await record(ledger, 1, "first", login="l"))
        clock.now += 5
        for _ in range(2):
            assert await renew(ledger, "second") == Current(credential("second"), 1, is_open=False)
        (due,) = await all_due(ledger, clock.now)
        assert (due.credential, due.closed_at) == (credential("second"), None)
        await close(ledger, due)
        assert await renew(ledger, "second") == Current(None, 1, is_open=False), "a repeat"
        assert await all_due(ledger) == []

    async def test_a_logout_that_needs_attention_is_due_by_a_renewed_credential(self, ledger: Ledger) -> None:
        await ledger.settle(await record(ledger, 1, login="l"), state=LogoutState.WAITING, outcome=REFUSED)
        await renew(ledger, "second")
        assert [debt.credential for debt in await all_due(ledger, START)] == [credential("second")]

    async def test_a_cleanup_that_knows_a_newer_credential_ends_that(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        newer = Credential([("Authorization", "Bearer newer")])
        for version in (1, 0):
            asked = request(1, "first", login="l")
            known = replace(asked, credential=newer, version=version) if version else asked
            debt = await untried(ledger, known, origin=ORIGIN, drivers=DRIVERS)
            assert (debt.credential, debt.version) == (newer, 1)

    async def test_what_this_ledger_does_not_know_or_cannot_end_is_not_renewed(self, ledger: Ledger) -> None:
        assert await renew(ledger, "new") is None
        await open_(ledger, session(1, None))
        assert await renew(ledger, "new") == Current(None, 0)
        assert await renew(ledger, "new", login="another") is None
        nothing = replace(request(1, login="l"), credential=Credential(), foregone=NO_LOGIN)
        await untried(ledger, nothing, origin="", drivers=())
        assert await renew(ledger, "new") == Current(None, 0, is_open=False)
        assert await owed(ledger) == []

    async def test_a_renewal_keeps_the_key_of_its_seal_and_the_time_of_use(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, session(1, "first"))
        async with opened(make_ledger(ROTATED)) as ledger:
            await renew(ledger, "second")
            await ledger.note_use({session(1).session_id: Use("l", START + 5)})
            known = await ledger.known_sessions()
            assert known.renewed == {session(1).session_id: Current(credential("second"), 1)}
            assert sum(known.older_keys.values()) == self.sealed
