"""Rows that cannot be read: never acted upon, never lost, and in nobody's way."""

from dataclasses import replace

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ONLY_NEW,
    ROTATED,
    LedgerSubject,
    MakeLedger,
    Spoil,
    all_due,
    close,
    logins,
    open_,
    opened,
    owed,
    record,
    request,
    session,
)
from connector.model.errors import NoSuchDebt
from connector.model.sessions import Renewal


class Rot(LedgerSubject):
    async def test_what_cannot_be_read_is_shown_never_acted_upon_and_in_nobodys_way(self, ledger: Ledger, spoil: Spoil) -> None:
        debts = [await record(ledger, number) for number in range(4)]
        spoil(debts[1])
        slice_ = await ledger.owed_evictions("memory", limit=2)
        assert [debt.id for debt in slice_] == [debts[0].id, debts[2].id], "a slice that is not full is the last one"
        assert [debt.id for debt in await all_due(ledger)] == [debts[number].id for number in (0, 2, 3)]
        assert [debt.id for debt in await ledger.listing() if debt.unusable] == [debts[1].id]
        with pytest.raises(NoSuchDebt):
            await ledger.make_due(debts[1].id)
        assert await close(ledger, debts[1]) is None
        assert (await ledger.statistics()).quarantined == 1

    async def test_a_duplicate_of_a_row_that_cannot_be_read_is_recorded_anew(self, ledger: Ledger, spoil: Spoil) -> None:
        first = await record(ledger, 1)
        spoil(first)
        again = await record(ledger, 1)
        assert again.id != first.id
        assert again.revision == 1

    async def test_what_is_in_quarantine_has_no_credential_and_can_be_dismissed(self, ledger: Ledger, spoil: Spoil) -> None:
        debt = await record(ledger, 1)
        spoil(debt)
        assert await all_due(ledger) == []
        shown = await ledger.debt(debt.id)
        assert (shown.unusable is None, shown.credential) == (False, None)
        await ledger.dismiss(debt.id, "looked into")
        assert await ledger.listing() == []

    async def test_lost_track_outlasts_restarts_until_it_is_regained(self, make_ledger: MakeLedger, spoil: Spoil) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            spoil(await record(ledger, 1))
            assert not ledger.lost_track
            await all_due(ledger)
            assert ledger.lost_track
        async with opened(make_ledger(KEYS)) as ledger:
            assert ledger.lost_track
            lost = await ledger.losses()
            spoil(await record(ledger, 2))
            await all_due(ledger)
            await ledger.track_regained(lost)
            assert ledger.lost_track, "the second row was not known when everything was invalidated"
            await ledger.track_regained(await ledger.losses())
            assert not ledger.lost_track
        async with opened(make_ledger(KEYS)) as ledger:
            assert not ledger.lost_track

    async def test_another_authority_than_the_last_one_may_have_missed_evictions(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("one")
            await ledger.serve_from("one")
            assert not ledger.lost_track
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("two")
            assert ledger.lost_track
            lost = await ledger.losses()
            await ledger.serve_from("one")
            await ledger.track_regained(lost)
            assert ledger.lost_track, "the first one has missed what came to the second one"
            await ledger.track_regained(await ledger.losses())
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("one")
            assert not ledger.lost_track

    async def test_a_ledger_of_which_nobody_knows_the_authority_may_have_missed_evictions(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await record(ledger, 1)
            await ledger.serve_from("one")
            assert ledger.lost_track

    async def test_who_has_missed_evictions_can_be_told_until_it_is_regained(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.lose_track("two stores")
            first = await ledger.losses()
            await ledger.lose_track("two stores")
            await ledger.track_regained(first)
            assert (ledger.lost_track, len(first)) == (True, 1), "the second time has a reason of its own"
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("one")
            assert ledger.lost_track

    async def test_who_has_missed_evictions_may_be_the_store_of_the_next_start(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("one")
            await ledger.lose_track("two stores")
            await ledger.track_regained(await ledger.losses())
            await ledger.serve_from("one", starts=False)
            assert not ledger.lost_track
        async with opened(make_ledger(KEYS)) as ledger:
            await ledger.serve_from("one")
            assert ledger.lost_track

    async def test_rows_whose_key_is_missing_stay_and_work_again_with_their_key(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            first = await record(ledger, 1)
        async with opened(make_ledger(ONLY_NEW)) as ledger:
            can_be_read = [] if self.sealed else [first.id]
            assert [debt.id for debt in await all_due(ledger)] == can_be_read
            assert [debt.id for debt in await ledger.owed_evictions("memory")] == can_be_read
            assert (await ledger.statistics()).unreadable == self.sealed
            assert [debt.unusable is None for debt in await ledger.listing()] == [not self.sealed]
            again = await record(ledger, 1)
        async with opened(make_ledger(ROTATED)) as ledger:
            assert {debt.id for debt in await all_due(ledger)} == {first.id, again.id}
            assert not ledger.lost_track

    async def test_a_row_whose_key_is_lost_can_be_dismissed(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            debt = await record(ledger, 1)
        async with opened(make_ledger(ONLY_NEW)) as ledger:
            await ledger.dismiss(debt.id, "the key is lost")
            assert [debt.dismissed for debt in await ledger.listing()] == ([] if self.sealed else ["the key is lost"])

    async def test_a_row_that_is_written_anew_needs_only_the_current_key(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            debt = await record(ledger, 1, login="l")
        for keyring in (ROTATED, ONLY_NEW):
            async with opened(make_ledger(keyring)) as ledger:
                assert (await record(ledger, 1, login="l")).id == debt.id

    async def test_all_of_a_session_is_made_with_the_key_of_its_seal(self, make_ledger: MakeLedger) -> None:
        shared = replace(session(1), key_id="old", is_shared=True)
        async with opened(make_ledger(ROTATED)) as ledger:
            await open_(ledger, shared)
            await open_(ledger, session(2))
            await ledger.renew(Renewal(shared.session_id, "l", 0, request(1, "newer").credential))
            rows = await ledger.rows_by_key()
            assert {key_id: kinds["sessions"] for key_id, kinds in rows.items()} == ({"old": 1, "new": 1} if self.sealed else {})
        async with opened(make_ledger(KEYS)) as ledger:
            found = await ledger.open_by(shared.session_id, "l")
            assert found is not None
            assert found.credential == request(1, "newer").credential

    async def test_a_repeated_opening_owes_its_eviction_although_a_key_was_promoted(self, make_ledger: MakeLedger) -> None:
        keyring = Keyring({"old": b"o" * 32})
        async with opened(make_ledger(keyring)) as ledger:
            await open_(ledger, session(1, "t1", "l1"))
            newer = replace(session(1, "t2", "l2"), key_id="old")
            eviction = await open_(ledger, newer)
            keyring.add_from(ROTATED)
            keyring.promote("new")
            repeated = await ledger.open_session(newer, None, drivers=DRIVERS)
            assert eviction is not None
            assert (repeated.is_open, repeated.owed and repeated.owed.id) == (True, eviction.id)

    async def test_a_session_whose_key_is_missing_is_opened_anew_beside_its_row(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, session(1, "old", "first"))
        async with opened(make_ledger(ONLY_NEW)) as ledger:
            await open_(ledger, session(1, "new", "second"))
            assert (await ledger.known_sessions()).keyless == self.sealed
            assert await logins(ledger) == {session(1).session_id: "second"}
        async with opened(make_ledger(ROTATED)) as ledger:
            assert await logins(ledger) == {session(1).session_id: "second"}
            await record(ledger, 1, "new", login="second")
            assert {debt.credential for debt in await owed(ledger)} == {request(1, token).credential for token in ("old", "new")}
            assert await logins(ledger) == {}
