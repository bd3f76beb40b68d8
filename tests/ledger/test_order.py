"""What is committed together has taken effect in the order in which it was asked for."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.ledger.sqlite.store import SqliteLedger
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import NOTHING_TO_END
from tests.ledger.ledgers import DRIVERS, VERIFIED, logins, open_, opened, opening, record, request, session

Step = Callable[[SqliteLedger, Sequence[Debt]], Awaitable[object]]
"""Something that is asked of a ledger, which has the debts of `prepared`."""
KNOWN = range(3)
"""Sessions that owe something before the steps."""
OPEN = range(6, 10)
"""Sessions that are open before the steps, the last two by one login that they share."""


def beginning(number: int, login: str) -> Step:
    return lambda ledger, _: ledger.begin_opening(opening(session(number, login, login)))


def counted(number: int, login: str) -> Step:
    begun = dataclasses.replace(opening(session(number, login, login)), pool="the licence")
    return lambda ledger, _: ledger.begin_opening(begun, seats=2)


def answer(number: int, login: str) -> Step:
    return lambda ledger, _: ledger.open_session(session(number, login, login), None, drivers=DRIVERS)


def cleanup(number: int, login: str = "") -> Step:
    return lambda ledger, _: record(ledger, number, login or "t", login=login)


def foregone(number: int) -> Step:
    nothing = replace(request(number), foregone=NOTHING_TO_END)
    return lambda ledger, _: ledger.record(nothing, origin="", drivers=DRIVERS)


def settlement(number: int) -> Step:
    return lambda ledger, known: ledger.settle(known[number], state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS)


STEPS = st.one_of(
    st.builds(beginning, st.integers(0, 5), st.sampled_from("ab")),
    st.builds(counted, st.integers(0, 5), st.sampled_from("ab")),
    st.builds(answer, st.integers(0, 5), st.sampled_from("ab")),
    st.builds(cleanup, st.integers(0, 9), st.sampled_from(["", "a", "b"])),
    st.builds(cleanup, st.sampled_from(OPEN), st.just("a")),
    st.builds(foregone, st.integers(0, 5)),
    st.builds(settlement, st.sampled_from(KNOWN)),
)


async def prepared(ledger: SqliteLedger) -> list[Debt]:
    """Leave debts of each kind: one of a login, and two of cleanups that had nothing to end. Open sessions besides."""
    for number in OPEN:
        is_shared = number in OPEN[-2:]
        await open_(ledger, dataclasses.replace(session(number, "s" if is_shared else "a", "a"), is_shared=is_shared))
    nothing = [replace(request(number), foregone=NOTHING_TO_END) for number in KNOWN[1:]]
    return [await record(ledger, 0), *[await ledger.record(each, origin="", drivers=DRIVERS) for each in nothing]]


def told(debt: Debt) -> tuple[object, ...]:
    return debt.session_id, debt.login_id, debt.state, debt.outcome, debt.origin, debt.revision, sorted(debt.evictions)


async def said(steps: Sequence[Step], *, together: bool) -> object:
    """Return what a ledger says after these steps, each but its own order of rows, which nobody sees."""
    with TemporaryDirectory() as folder:
        async with opened(Path(folder)) as ledger:
            known = await prepared(ledger)
            if together:
                await asyncio.gather(*(step(ledger, known) for step in steps))
            else:
                for step in steps:
                    await step(ledger, known)
            debts = await ledger.listing(states=[*LogoutState])
            return sorted(map(told, debts), key=str), await logins(ledger)


@given(st.lists(STEPS, min_size=2, max_size=8))
@settings(max_examples=50, deadline=None)
def test_what_is_committed_together_is_as_if_it_was_committed_one_by_one(steps: list[Step]) -> None:
    assert asyncio.run(said(steps, together=True)) == asyncio.run(said(steps, together=False))


async def test_a_cleanup_closes_the_session_that_was_opened_just_before_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(2, "a", "a")))
        another, opened_first, after_it = cleanup(1), answer(2, "a"), cleanup(2)
        await asyncio.gather(*(step(ledger, []) for step in (another, opened_first, after_it)))
        assert await logins(ledger) == {}
        owed = [(debt.login_id, debt.state) for debt in await ledger.listing() if debt.session_id == request(2).session_id]
        assert sorted(owed) == [("", LogoutState.OWED), ("a", LogoutState.OWED)]


async def test_a_cleanup_leaves_the_session_open_that_is_opened_just_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        another, opened_anew = [beginning(1, "a"), answer(1, "a")], [beginning(2, "b"), answer(2, "b")]
        await asyncio.gather(*(step(ledger, []) for step in (*another, cleanup(2), *opened_anew)))
        assert await logins(ledger) == {request(1).session_id: "a", request(2).session_id: "b"}
