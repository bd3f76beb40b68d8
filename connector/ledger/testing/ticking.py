"""Time in which a server ran, counted in ticks: who is idle, and for how long nothing is known of a login."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.before_logins import begun
from connector.ledger.testing.ledger_subject import (
    KEYS,
    ONLY_NEW,
    START,
    LedgerSubject,
    MakeLedger,
    SetClock,
    open_,
    opened,
    opening,
    record,
    request,
    session,
)
from connector.model.sessions import Renewal, Use

A_DAY = 86_400.0


async def use(ledger: Ledger, number: int, *, login: str = "l", moment: float = START) -> None:
    await ledger.note_use({session(number).session_id: Use(login, moment)})


async def ticks(ledger: Ledger, number: int) -> int:
    """Let so many ticks pass, and return the last one."""
    return [await ledger.tick() for _ in range(number)][-1]


async def idle(
    ledger: Ledger,
    *,
    unused_since: int | None = None,
    opened_since: int | None = None,
    unanswered_since: int | None = None,
    limit: int = 100,
) -> list[int]:
    """Return the numbers of these sessions."""
    found = await ledger.idle(
        unused_since=unused_since, opened_since=opened_since, unanswered_since=unanswered_since, limit=limit
    )
    numbers = {session(number).session_id: number for number in range(100)}
    return [numbers[each.session_id] for each in found]


class Ticking(LedgerSubject):
    async def test_ticks_are_counted_one_by_one_and_across_restarts(self, make_ledger: MakeLedger, clock: SetClock) -> None:
        counted = []
        for _ in range(3):
            async with opened(make_ledger(KEYS)) as ledger:
                counted += [await ledger.tick(), await ledger.tick()]
            clock.now -= A_DAY
        assert counted == [1, 2, 3, 4, 5, 6]

    async def test_ticks_that_come_together_are_counted_each(self, ledger: Ledger) -> None:
        assert sorted(await asyncio.gather(*(ledger.tick() for _ in range(5)))) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("turns", range(6))
    async def test_a_tick_that_is_cancelled_counts_once_at_most(self, ledger: Ledger, turns: int) -> None:
        ticking = asyncio.ensure_future(ledger.tick())
        for _ in range(turns):
            await asyncio.sleep(0)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        assert await ledger.tick() in {1, 2}

    async def test_who_was_used_last_at_a_tick_or_before_is_unused_since_then(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await open_(ledger, session(number))
            await ledger.tick()
        await use(ledger, 1)
        await ledger.tick()
        assert [await idle(ledger, unused_since=tick) for tick in range(-1, 4)] == [[], [], [2], [2, 3], [2, 3, 1]]

    async def test_who_is_unused_for_longest_is_told_first(self, ledger: Ledger) -> None:
        for number in range(9):
            await open_(ledger, session(number))
        for number in (3, 1, 4, 5, 2, 6):
            await ledger.tick()
            await use(ledger, number)
        assert await idle(ledger, unused_since=99, limit=5) == [0, 7, 8, 3, 1]

    async def test_a_use_that_is_noted_twice_or_late_is_the_latest_one(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        await ticks(ledger, 5)
        for moment in (START + 9, START + 3):
            await use(ledger, 1, moment=moment)
        assert [await idle(ledger, unused_since=tick) for tick in (4, 5)] == [[], [1]]

    async def test_neither_a_clock_that_jumps_nor_time_without_a_server_makes_anybody_idle(
        self, make_ledger: MakeLedger, clock: SetClock
    ) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await ticks(ledger, 3)
            await open_(ledger, session(1))
        for jump in (A_DAY, -2 * A_DAY, 365 * A_DAY):
            clock.now += jump
            async with opened(make_ledger(KEYS)) as ledger:
                assert await idle(ledger, unused_since=2, opened_since=2, unanswered_since=2) == []
                assert await idle(ledger, unused_since=3) == [1]

    async def test_who_was_opened_at_a_tick_or_before_is_told_however_much_he_is_used(self, ledger: Ledger) -> None:
        for number in (3, 1, 2):
            await ledger.tick()
            await open_(ledger, session(number))
            await use(ledger, 3)
        assert [await idle(ledger, opened_since=tick) for tick in range(4)] == [[], [3], [3, 1], [3, 1, 2]]
        assert await idle(ledger, opened_since=3, limit=2) == [3, 1]

    async def test_whose_answer_was_never_noted_is_unanswered_until_any_use_is(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await open_(ledger, session(number))
            await ledger.tick()
        await use(ledger, 2)
        assert [await idle(ledger, unanswered_since=tick) for tick in (0, 9)] == [[1], [1, 3]]
        assert await idle(ledger, unused_since=0, unanswered_since=9) == [1, 3]
        assert sorted(await idle(ledger, unused_since=9, unanswered_since=0)) == [1, 2, 3]

    async def test_each_session_is_told_once_and_as_many_as_are_wanted(self, ledger: Ledger) -> None:
        for number in range(9):
            await open_(ledger, session(number))
        found = await idle(ledger, unused_since=1, opened_since=1, unanswered_since=1)
        assert sorted(found) == [*range(9)]
        for limit in (0, 1, 8):
            assert len(await idle(ledger, unused_since=1, opened_since=1, unanswered_since=1, limit=limit)) == limit

    async def test_who_is_idle_is_told_with_the_newest_credential_and_where_it_was_made(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        await ledger.renew(Renewal(session(1).session_id, "l", 0, request(1, "second").credential))
        (found,) = await ledger.idle(unused_since=0, opened_since=None, unanswered_since=None, limit=9)
        assert (found.credential, found.version, found.login_id) == (request(1, "second").credential, 1, "l")
        assert (found.origin, found.system_id, found.opened_at) == (session(1).origin, "A", START)

    async def test_a_session_that_is_closed_or_opened_anew_is_not_told_by_its_past(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await open_(ledger, session(number))
        await ledger.tick()
        await record(ledger, 1, login="l")
        await open_(ledger, session(2, "new", "new"))
        assert await idle(ledger, unused_since=0, opened_since=0, unanswered_since=0) == []
        await ledger.tick()
        await use(ledger, 2, login="l")
        assert await idle(ledger, unanswered_since=1) == [2], "the use of an earlier login is none of this one"

    async def test_sessions_whose_key_is_missing_are_not_told(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, session(1))
        async with opened(make_ledger(ONLY_NEW)) as ledger:
            await open_(ledger, session(2))
            readable = [2] if self.sealed else [1, 2]
            assert await idle(ledger, unused_since=9) == await idle(ledger, opened_since=9, limit=2) == readable

    async def test_a_login_of_which_nobody_knows_is_let_go_some_ticks_after_it_began(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await ledger.begin_opening(opening(session(number)))
            await ledger.tick()
        for number in (1, 3):
            await ledger.opening_unanswered(opening(session(number)))
        found = [await ledger.let_go_unknown(tick) for tick in (0, 1, 1, 2, 3)]
        assert found == [[], [opening(session(1))], [], [], [opening(session(3))]]
        assert await begun(ledger) == (1, 0), "what is under way is not let go, however long it takes"


class SharedTicking(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_owners_that_tick_equally_often_advance_the_counter_together(self, owners: Sequence[Ledger]) -> None:
        for round_ in range(1, 5):
            counted = [await owner.tick() for owner in owners]
            assert {*counted} <= {round_ - 1, round_}
            assert round_ in counted

    async def test_when_the_owner_that_counts_is_gone_another_one_does_it(
        self, owners: Sequence[Ledger], clock: SetClock
    ) -> None:
        counts, waits, _ = owners
        assert [await counts.tick(), await waits.tick()] == [1, 1]
        for expected in (1, 2, 3):
            clock.now += 0.6 * self.gone_after
            assert await waits.tick() == expected
        assert await counts.tick() == 3
        assert await waits.tick() == 4

    async def test_owners_see_how_often_each_that_is_there_has_looked(self, owners: Sequence[Ledger]) -> None:
        first, second, third = owners
        before = await first.looks()
        for looks, owner in ((1, second), (2, third)):
            for _ in range(looks):
                owner.has_looked()
            await owner.tick()
        now = await first.looks()
        assert sorted(now[owner] - before[owner] for owner in now) == [0, 1, 2]
        assert await second.looks() == now

    async def test_an_owner_that_is_closed_is_nobody_to_wait_for(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as stays:
            async with opened(make_ledger(KEYS)):
                assert len(await stays.looks()) == 2
            assert len(await stays.looks()) == 1

    async def test_when_the_owner_that_counts_is_closed_another_one_does_it(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as waits:
            async with opened(make_ledger(KEYS)) as counts:
                assert [await counts.tick(), await waits.tick()] == [1, 1]
            assert await waits.tick() == 2
