"""A login is known to the ledger before it is sent, and what became of it after: made, not made, or unknown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.endsystems.end_system import LoginOutcome
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LoginResult
from connector.sessions.opening_outcomes import NotOpened, Opened, OpeningRequest
from connector.workers.catching_up import CatchingUp
from tests.e2e.connector_process import WITHIN
from tests.ledger.ledgers import raw
from tests.sessions.desk import Desk, settings
from tests.sessions.reception import BEGINS, BEGUN, LOGS_IN, OPENS, ReceivingEndSystem, Reception, credential, reception
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM
from tests.sessions.test_late_logins import UNKNOWN
from tests.sessions.test_missed import out_of_order


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Reception]:
    async with reception(tmp_path, ReceivingEndSystem()) as made:
        yield made


async def counted(parts: Reception) -> tuple[int, int, int]:
    """How many logins are under way, how many are unknown, and how many sessions are open."""
    totals = await parts.ledger.statistics()
    return totals.openings, totals.unknown, totals.sessions


@contextmanager
def away_from_the_login_on(parts: Reception) -> Iterator[None]:
    """Let the ledger take nothing from the next login on, while the context is open."""

    async def go() -> None:
        parts.ledger.is_away = True

    parts.at[LOGS_IN] = go
    yield
    parts.ledger.is_away = False


async def caught_up(parts: Reception) -> None:
    await CatchingUp(parts.live, parts.ledger, parts.logouts, parts.storage, nudge=parts.nudged.set).finish(WITHIN)


class Failing(ReceivingEndSystem):
    """Ends each login as a test wants it."""

    def __init__(self, end: Callable[[], Awaitable[LoginOutcome]]) -> None:
        super().__init__()
        self.end = end

    async def login(self, session_id: str, settings: object) -> LoginOutcome:
        await super().login(session_id, settings)
        return await self.end()


async def refused() -> LoginOutcome:
    return LoginOutcome(LoginResult.REFUSED)


async def half_made() -> LoginOutcome:
    return LoginOutcome(LoginResult.REFUSED, credential(1))


async def lost() -> LoginOutcome:
    return LoginOutcome(LoginResult.UNAVAILABLE, may_be_made=True)


async def half_lost() -> LoginOutcome:
    return LoginOutcome(LoginResult.UNAVAILABLE, credential(1), may_be_made=True)


async def broken() -> LoginOutcome:
    raise ValueError("a defect of the class")


async def never() -> LoginOutcome:
    await asyncio.Event().wait()
    raise AssertionError


async def test_no_login_is_sent_before_its_opening_is_durable(parts: Reception, session: str) -> None:
    parts.ledger.writing.clear()
    opening = asyncio.create_task(parts.openings.open(OpeningRequest(session, "A", {})))
    await parts.ledger.asked.wait()
    assert not parts.end_system.logging_in.is_set()
    parts.ledger.writing.set()
    assert isinstance(await opening, Opened)


async def test_a_login_under_way_is_counted_and_becomes_a_session_by_the_same_id(parts: Reception, session: str) -> None:
    seen = []

    async def look() -> None:
        seen.append(await counted(parts))

    parts.at[LOGS_IN] = look
    sealed = await parts.opened(OpeningRequest(session, "A", {}))
    assert seen == [(1, 0, 0)]
    assert await counted(parts) == (0, 0, 1)
    assert parts.ledger.begun == [sealed.login_id]


@pytest.mark.parametrize(
    ("end", "left"),
    [(refused, (0, 0, 0)), (half_made, (0, 0, 0)), (half_lost, (0, 0, 0)), (lost, (0, 1, 0)), (broken, (0, 1, 0))],
)
async def test_what_is_known_of_a_login_that_failed_is_in_the_ledger_when_it_is_answered(
    tmp_path: Path, session: str, *, end: Callable[[], Awaitable[LoginOutcome]], left: tuple[int, int, int]
) -> None:
    async with reception(tmp_path, Failing(end)) as parts:
        assert not isinstance(await parts.openings.open(OpeningRequest(session, "A", {})), Opened)
        assert await counted(parts) == left
        assert not parts.live.may_have_row(session)
        assert await parts.ledger.listing() == []


async def stubborn() -> LoginOutcome:
    try:
        return await never()
    except asyncio.CancelledError:
        return await never()


async def test_a_login_that_the_shutdown_breaks_off_is_unknown_and_told_once(tmp_path: Path, session: str) -> None:
    with capture_logs() as logs:
        async with reception(tmp_path, Failing(stubborn), deadline=0.02) as parts:
            await parts.openings.open(OpeningRequest(session, "A", {}))
            assert await parts.logins.drain(0.4) == 1
            assert await counted(parts) == (0, 1, 0)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [UNKNOWN]


async def test_a_caller_who_has_gone_before_the_login_is_sent_has_none_made(parts: Reception, session: str) -> None:
    assert await parts.openings.open(OpeningRequest(session, "A", {}), lambda: False) is NotOpened.OVERTAKEN
    assert parts.end_system.logins == 0
    assert await counted(parts) == (0, 0, 0)


async def test_a_server_that_stops_while_an_opening_is_recorded_sends_no_login(parts: Reception, session: str) -> None:
    async def stop() -> None:
        shutdown.append(asyncio.create_task(parts.logins.drain(0)))
        await asyncio.sleep(0)

    shutdown: list[asyncio.Task[int]] = []
    parts.at[BEGUN] = stop
    assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.STOPPING
    assert await shutdown[0] == 0
    assert parts.end_system.logins == 0
    assert await counted(parts) == (0, 0, 0)


@pytest.mark.parametrize("step", [BEGINS, BEGUN, LOGS_IN, OPENS])
async def test_an_initialize_whose_caller_is_cancelled_at_any_step_leaves_nothing_behind(
    parts: Reception, session: str, step: str
) -> None:
    has_gone = asyncio.Event()

    async def cancel() -> None:
        opening.cancel()
        await has_gone.wait()

    parts.at[step] = cancel
    opening = asyncio.create_task(parts.openings.open(OpeningRequest(session, "A", {})))
    opening.add_done_callback(lambda _: has_gone.set())
    await has_gone.wait()
    await parts.logins.drain(WITHIN)
    await caught_up(parts)
    assert await counted(parts) == (0, 0, 0)
    assert len(await parts.ledger.listing()) == parts.end_system.logins == (step in {LOGS_IN, OPENS})


async def test_while_the_ledger_takes_nothing_no_login_is_made(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        with out_of_order(tmp_path):
            answer = await server.opshub.initialize(session, settings(), query=SYSTEM)
        assert (answer.status, answer.body["errors"]["code"]) == (503, "ledger_unavailable")
        assert desk.logins == 0
        assert (await server.opshub.initialize(session, settings(), query=SYSTEM)).status == HTTPStatus.OK
    assert openings_in(tmp_path) == 0


def openings_in(folder: Path) -> int:
    with raw(folder) as file:
        (number,) = file.execute("SELECT count(*) FROM openings").fetchone()
    return int(number)


async def test_an_opening_that_may_have_been_recorded_is_removed_when_the_ledger_works(parts: Reception, session: str) -> None:
    async def lost() -> None:
        raise LedgerUnavailable("its answer was lost")

    parts.at[BEGUN] = lost
    assert await parts.openings.open(OpeningRequest(session, "A", {})) is NotOpened.NOT_RECORDED
    assert parts.end_system.logins == 0
    assert parts.live.may_have_row(session)
    await caught_up(parts)
    assert await counted(parts) == (0, 0, 0)
    assert not parts.live.may_have_row(session)


@pytest.mark.parametrize(("end", "unknown"), [(refused, 0), (broken, 1)])
async def test_what_became_of_a_login_is_told_when_the_ledger_works_again(
    tmp_path: Path, session: str, *, end: Callable[[], Awaitable[LoginOutcome]], unknown: int
) -> None:
    async with reception(tmp_path, Failing(end)) as parts:
        with away_from_the_login_on(parts):
            await parts.openings.open(OpeningRequest(session, "A", {}))
        assert await counted(parts) == (1, 0, 0)
        await caught_up(parts)
        assert await counted(parts) == (0, unknown, 0)
        assert not parts.live.may_have_row(session)


async def test_a_login_half_made_and_ended_while_the_ledger_is_away_leaves_no_opening(tmp_path: Path, session: str) -> None:
    async with reception(tmp_path, Failing(half_made)) as parts:
        with away_from_the_login_on(parts):
            await parts.openings.open(OpeningRequest(session, "A", {}))
        await caught_up(parts)
        assert await counted(parts) == (0, 0, 0)
        assert await parts.ledger.listing() == []
    assert len(parts.end_system.asked) == 1
