"""What the owners of one store tell each other of themselves."""

from collections.abc import Sequence

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    KEYS,
    ROTATED,
    LedgerSubject,
    MakeLedger,
    SetClock,
    open_,
    opened,
    opening,
    record,
    session,
)


class Introducing(LedgerSubject):
    async def test_an_owner_is_not_told_what_it_tells_itself_or_has_told_before(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            assert [*await ledger.introduce(b"me")] == []
        async with opened(make_ledger(KEYS)) as ledger:
            assert [*await ledger.introduce(None)] == []

    async def test_rows_are_counted_by_the_key_that_made_them(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await record(ledger, 1)
            await open_(ledger, session(2))
            await ledger.begin_opening(opening(session(3)))
            before = await ledger.rows_by_key()
        async with opened(make_ledger(ROTATED)) as ledger:
            await record(ledger, 4)
            after = await ledger.rows_by_key()
        old = {kind: number for kind, number in before.get("old", {}).items() if kind != "ticks"}
        assert old == ({"debts": 1, "sessions": 1, "openings": 1} if self.sealed else {})
        # The ledger may have made the older row anew by now.
        of_debts = {key: counts.get("debts", 0) for key, counts in after.items()}
        assert sum(of_debts.values()) == 2 * self.sealed
        assert of_debts.get("new", 0) >= self.sealed


class SharedIntroducing(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_each_owner_hears_the_last_that_the_others_tell(self, owners: Sequence[Ledger]) -> None:
        for owner, word in zip(owners, (b"a", b"b", b"c"), strict=True):
            await owner.introduce(word)
        await owners[0].introduce(b"d")
        heard = [sorted(await owner.introduce(None)) for owner in owners]
        assert heard == [[b"b", b"c"], [b"c", b"d"], [b"b", b"d"]]

    async def test_all_owners_are_told_with_what_each_tells(self, owners: Sequence[Ledger]) -> None:
        await owners[1].introduce(b"here")
        assert sorted(about or b"" for _, about in await owners[0].owners()) == [b"", b"", b"here"]

    async def test_an_owner_that_is_gone_is_not_heard_any_more(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        there, gone = owners[:2]
        for owner in owners:
            await owner.introduce(b"here")
            await owner.claim_due(clock.now, per_origin=1, limit=1)
        for _ in range(3):
            clock.now += 0.6 * self.gone_after
            for owner in owners:
                if owner is not gone:
                    await owner.claim_due(clock.now, per_origin=1, limit=1)
        assert len(await there.introduce(None)) == len(owners) - 2

    async def test_an_owner_that_has_closed_the_ledger_is_not_heard_any_more(
        self, ledger: Ledger, make_ledger: MakeLedger
    ) -> None:
        async with opened(make_ledger(KEYS)) as other:
            await other.introduce(b"here")
            assert [*await ledger.introduce(None)] == [b"here"]
        assert [*await ledger.introduce(None)] == []
