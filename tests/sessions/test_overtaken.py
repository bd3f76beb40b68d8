"""Initialize against cleanup at every step, and against another initialize of the session: no login is lost sight of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest

from connector.model.cleanup import CleanupRequest, Missed
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession
from connector.sessions.opening_outcomes import NotOpened, Opened, OpeningRequest
from connector.workers.catching_up import CatchingUp
from tests.e2e.connector_process import WITHIN
from tests.sessions.reception import (
    BEGINS,
    BEGUN,
    LOGS_IN,
    OPENED,
    OPENS,
    ReceivingEndSystem,
    Reception,
    credential,
    reception,
)

EVICTS = "eviction"
STEPS = [BEGINS, BEGUN, LOGS_IN, OPENS, OPENED, EVICTS]
Cleanup = Callable[[Reception, str], Awaitable[None]]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Reception]:
    async with reception(tmp_path, ReceivingEndSystem()) as made:
        yield made


def asked(parts: Reception, session: str) -> CleanupRequest:
    """What a cleanup by the first seal asks for."""
    return CleanupRequest(session, "A", global_cache=False, credential=credential(1), login_id=parts.ledger.begun[0])


async def recorded(parts: Reception, session: str) -> None:
    ends = parts.live.closing(session)
    await parts.ledger.record(asked(parts, session), origin="", drivers=[], logins=ends)
    parts.live.rows_gone(session, ends)


async def recorded_later(parts: Reception, session: str) -> None:
    parts.live.unrecorded.keep_cleanup(Missed(asked(parts, session), "", [], parts.live.closing(session)), None)


async def recorded_after_all(parts: Reception, session: str) -> None:
    """Close the session, and record that when the initialize is long over."""
    ends = parts.live.closing(session)

    async def record() -> None:
        await parts.ledger.record(asked(parts, session), origin="", drivers=[], logins=ends)
        parts.live.rows_gone(session, ends)

    parts.at["over"] = record


async def recorded_by_another(parts: Reception, session: str) -> None:
    """Record the cleanup, as another owner of the ledger does: this process hears nothing of it."""
    await parts.ledger.record(asked(parts, session), origin="", drivers=[])


def let_happen(parts: Reception, step: str, what: Callable[[], Awaitable[None]]) -> None:
    if step == EVICTS:
        parts.drivers[1].before_evict = what
    else:
        parts.at[step] = what


async def nothing_is_open(parts: Reception, session: str) -> bool:
    """Whether each login that was made is owed, and nothing else is known of the session."""
    totals, known = await parts.ledger.statistics(), await parts.ledger.known_sessions()
    owed = {debt.login_id for debt in await parts.ledger.listing() if debt.state is LogoutState.OWED}
    in_memory = parts.live.may_have_row(session) or parts.live.is_open_here(session)
    return owed == {*parts.ledger.begun[: parts.end_system.logins]} and (
        totals.openings,
        totals.unknown,
        {*known.logins},
        in_memory,
    ) == (0, 0, set(), False)


@pytest.mark.parametrize("cleanup", [recorded, recorded_later, recorded_after_all])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cleanup_at_any_step_of_an_initialize_wins(parts: Reception, session: str, step: str, cleanup: Cleanup) -> None:
    await parts.opened(OpeningRequest(session, "A", {}))
    let_happen(parts, step, partial(cleanup, parts, session))
    assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.OVERTAKEN
    await parts.end_system.script.reached("over")
    await CatchingUp(parts.live, parts.ledger, parts.logouts, parts.storage, nudge=parts.nudged.set).finish(WITHIN)
    assert await nothing_is_open(parts, session)
    assert parts.end_system.logins == 1 + (step not in {BEGINS, BEGUN}), "nothing is sent for a session that is closed"


@pytest.mark.parametrize("step", [BEGUN, LOGS_IN, OPENS])
async def test_a_cleanup_of_which_the_ledger_alone_knows_wins(parts: Reception, session: str, step: str) -> None:
    await parts.opened(OpeningRequest(session, "A", {}))
    let_happen(parts, step, partial(recorded_by_another, parts, session))
    assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.OVERTAKEN
    parts.live.rows_gone(session, parts.live.closing(session))
    assert await nothing_is_open(parts, session)


@pytest.mark.parametrize("order", [*permutations(range(3))], ids=str)
async def test_of_initializes_of_one_session_the_last_to_be_recorded_stays_open(
    parts: Reception, session: str, order: tuple[int, ...]
) -> None:
    callers = [await logging_in(parts, session) for _ in order]
    for number in order:
        caller, answer = callers[number]
        answer.set()
        assert isinstance(await caller, Opened)
    last = parts.ledger.begun[order[-1]]
    assert (await parts.ledger.known_sessions()).logins == {session: last}
    assert parts.live.closing(session) == (last,)
    assert {debt.login_id for debt in await parts.ledger.listing()} >= {*parts.ledger.begun} - {last}


async def logging_in(parts: Reception, session: str) -> tuple["asyncio.Task[object]", asyncio.Event]:
    """Begin an initialize. Return its task, and what has its login answered once it is set."""
    reached, answer = parts.held_at(LOGS_IN)
    caller = asyncio.create_task(parts.openings.open(OpeningRequest(session, "A", {})))
    await reached.wait()
    return caller, answer


async def test_memory_and_ledger_agree_on_the_last_login_however_late_an_answer_is(parts: Reception, session: str) -> None:
    reached, go_on = parts.held_at(OPENED)
    first = asyncio.create_task(parts.openings.open(OpeningRequest(session, "A", {})))
    await reached.wait()
    second = asyncio.create_task(parts.openings.open(OpeningRequest(session, "A", {})))
    await asyncio.wait([second], timeout=0.3)
    go_on.set()
    await asyncio.wait([first, second])
    assert (await parts.ledger.known_sessions()).logins == {session: parts.live.login_of(session)}


async def test_a_login_that_was_replaced_before_it_was_answered_is_no_success(parts: Reception, session: str) -> None:
    await parts.opened(OpeningRequest(session, "A", {}))

    async def another() -> None:
        parts.drivers[1].before_evict = None
        await parts.opened(OpeningRequest(session, "A", {}))

    parts.drivers[1].before_evict = another
    assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.OVERTAKEN
    assert (await parts.ledger.known_sessions()).logins == {session: parts.ledger.begun[2]}
    assert parts.live.login_of(session) == parts.ledger.begun[2]


async def test_a_session_that_is_being_opened_anew_may_not_be_ended_as_idle(parts: Reception, session: str) -> None:
    sealed = await parts.opened(OpeningRequest(session, "A", {}))
    idle = OpenSession(session, "A", "", sealed.login_id, 0, 0)
    seen = [parts.live.may_be_ended(idle)]

    async def look() -> None:
        seen.append(parts.live.may_be_ended(idle))

    for step in (BEGINS, LOGS_IN):
        parts.at[step] = look
        parts.at[OPENS] = leave
        assert not isinstance(await parts.openings.open(OpeningRequest(session, "A", {})), Opened)
        seen.append(parts.live.may_be_ended(idle))
    assert seen == [True, False, True, False, True]


async def leave() -> None:
    raise LedgerUnavailable("the session stays as it is")


async def test_a_cleanup_ends_both_logins_of_a_session_that_are_under_way(parts: Reception, session: str) -> None:
    callers = [await logging_in(parts, session) for _ in range(2)]
    await recorded(parts, session)
    for caller, answer in callers:
        answer.set()
        assert await caller is NotOpened.OVERTAKEN
    assert await nothing_is_open(parts, session)


async def test_a_session_that_is_opened_after_a_cleanup_is_another_life(parts: Reception, session: str) -> None:
    first, answer = await logging_in(parts, session)
    await recorded(parts, session)
    sealed = await parts.opened(OpeningRequest(session, "A", {}))
    answer.set()
    assert await first is NotOpened.OVERTAKEN
    assert await parts.live.is_alive(sealed)
    assert (await parts.ledger.known_sessions()).logins == {session: sealed.login_id}
