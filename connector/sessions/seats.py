"""Seats: no more logins than are allowed. Whoever comes when none is free waits in line, for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import Seats
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.opening_outcomes import Attempt, Beginning, OpeningRequest
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.seat_lines import PlaceInLine, SeatLine, SeatLines
from connector.telemetry.logs import session_digest

if TYPE_CHECKING:  # a server that counts no seats does without
    from connector.endsystems.naming_pools import SeatPools

LONGEST = 600.0
"""Seconds for ending a session that makes room; its parts have shorter deadlines of their own."""
log = structlog.get_logger(__name__)

EndOwn = Callable[[OpeningRequest, str], Awaitable[bool]]
"""Ends what a session is open by, but not the login to come with this id. Tells whether it is surely over."""
MakeRoom = Callable[[str, Callable[[], bool]], Awaitable[bool]]
"""Ends one idle session of a pool if somebody waits for that by then, and tells whether it did."""


class SeatRules(Struct, frozen=True):
    """How many logins are allowed, and how a seat comes free."""

    pools: "SeatPools"
    """Name the pool of a login, and say how many seats each has."""
    lines: SeatLines
    """Those who wait."""
    ledger: Seats
    """Knows who has a seat."""
    tasks: OwnedTasks
    """Take what goes on when nobody waits for it any more."""
    end_own: EndOwn
    ends_before: bool
    """Whether each initialize ends what its session is open by before it makes a login, also if a seat is free."""
    make_room: MakeRoom | None
    """None if no idle session has to make room."""


class SeatKeeper:
    """Records logins that are about to be sent, as soon as there are seats for them.

    The ledger decides, in one transaction with the record. Lines are this process's own.
    """

    def __init__(self, rules: SeatRules, begun: OpeningRecords, *, patience: float) -> None:
        """`begun` records logins. An initialize waits in line for at most `patience` seconds since it came."""
        self._seats = rules.pools.seats
        self._lines = rules.lines
        self._ledger = rules.ledger
        self._tasks = rules.tasks
        self._end_own = rules.end_own
        self._ends_before = rules.ends_before
        self._make_room = rules.make_room
        self._begun = begun
        self._patience = patience

    def stop(self) -> None:
        """Let nobody wait any longer: the server ends."""
        self._lines.call_all()

    async def begin(self, attempt: Attempt, is_wanted: Callable[[], bool]) -> Beginning:
        """Record a login once there is a seat for it, in the order in which they came.

        A session that has a seat uses its own: if none is free, its earlier login ends first.

        Args:
            attempt: the login.
            is_wanted: tells whether the session may still be opened.

        Raises:
            LedgerUnavailable: it cannot tell who has a seat. Nothing may be sent.
        """
        until = asyncio.get_running_loop().time() + self._patience
        # Or each initialize of a session would wait as long as all before it together, and longer than its caller does.
        in_line_until = attempt.caller.came + self._patience
        with self._lines.of(attempt.opening.pool or "") as line:
            if not self._ends_before:
                with line.joined() as place:
                    begun = await self._tried(attempt, line, place)
                    if begun is not Beginning.NO_SEAT:
                        return begun
                    if not await self._has_own(attempt):
                        return await self._in_turn(attempt, line, place, is_wanted, in_line_until)
            begun = await self._by_its_own(attempt, line, is_wanted, until)
            if begun is not Beginning.NO_SEAT:
                return begun
            with line.joined() as place:
                return await self._in_turn(attempt, line, place, is_wanted, in_line_until)

    async def _has_own(self, attempt: Attempt) -> bool:
        return await in_time(self._ledger.holds_seat(attempt.opening.pool or "", attempt.request.session_id))

    async def _tried(self, attempt: Attempt, line: SeatLine, place: PlaceInLine) -> Beginning:
        if not line.is_first(place):
            return Beginning.NO_SEAT
        return await self._begun.begin(attempt.opening, seats=self._seats - line.kept_back)

    async def _in_turn(
        self, attempt: Attempt, line: SeatLine, place: PlaceInLine, is_wanted: Callable[[], bool], until: float
    ) -> Beginning:
        """Wait for a seat."""
        while is_wanted():
            begun = await self._tried(attempt, line, place)
            if begun is not Beginning.NO_SEAT:
                return begun
            self._have_room_made(attempt, line, place)
            if not await place.comes_up(until):
                log.info("no seat came free in time: OpsHub is told to wait", session=session_digest(attempt.request.session_id))
                return Beginning.NO_SEAT
        return Beginning.NOT_WANTED

    async def _by_its_own(self, attempt: Attempt, line: SeatLine, is_wanted: Callable[[], bool], until: float) -> Beginning:
        """End what the session is open by, and take its seat. Nobody in the line takes it meanwhile.

        Who has none, or does not surely give it back, takes no other one before those who wait.
        """
        has_own = await self._has_own(attempt)
        if not is_wanted():
            return Beginning.NOT_WANTED
        with line.one_kept_back() if has_own else nullcontext():
            if not await self._has_ended_own(attempt, until):
                return Beginning.NOT_ENDED if self._ends_before else Beginning.NO_SEAT
            return await self._begun.begin(attempt.opening, seats=self._seats) if has_own else Beginning.NO_SEAT

    async def _has_ended_own(self, attempt: Attempt, until: float) -> bool:
        """Tell whether it is surely over in time. Its end goes on in any case."""
        work = partial(self._end_own, attempt.request, attempt.opening.login_id)
        ending = self._tasks.start(step("ending an earlier login", work, deadline=LONGEST, late=False, failed=False))
        await asyncio.wait([ending], timeout=until - asyncio.get_running_loop().time())
        return ending.done() and not ending.cancelled() and ending.result().outcome

    def _have_room_made(self, attempt: Attempt, line: SeatLine, place: PlaceInLine) -> None:
        """Have an idle session end for the first of the line, one at a time, and one for each who waits."""
        is_searching = line.victim is not None and not line.victim.done()
        if self._make_room is not None and line.is_first(place) and not place.has_had_a_victim and not is_searching:
            room = partial(self._make_room, attempt.opening.pool or "", lambda: place in line.places)
            line.victim = self._tasks.start(self._search(room, place))

    async def _search(self, make_room: Callable[[], Awaitable[bool]], place: PlaceInLine) -> None:
        done = await step("making room for a session", make_room, deadline=LONGEST, late=False, failed=False)
        place.has_had_a_victim = done.outcome
