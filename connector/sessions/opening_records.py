"""Records of logins: that one is about to be made, and that it has made no session. Sets its own deadlines."""

from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

import structlog

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import OpenedSessions
from connector.model.begun import Opening
from connector.model.errors import LedgerUnavailable
from connector.sessions.live import LiveSessions
from connector.sessions.opening_outcomes import Beginning
from connector.sessions.unrecorded import MOST, InVain
from connector.telemetry.logs import session_digest

T = TypeVar("T")
log = structlog.get_logger(__name__)


class OpeningRecords:
    """The records of logins that nobody has the credential of."""

    def __init__(
        self, ledger: OpenedSessions, live: LiveSessions, *, not_taken: Callable[[str | None], None] = lambda _: None
    ) -> None:
        """`not_taken` is told the pool of each login that needs no seat after all."""
        self._ledger = ledger
        self._live = live
        self._not_taken = not_taken

    @property
    def are_overwhelmed(self) -> bool:
        """Tell whether so much is unrecorded that no login may begin: it could be neither recorded nor ended."""
        return len(self._live.unrecorded) >= MOST

    def note(self, opening: Opening) -> None:
        """Note that the ledger is about to be told of a login, so that a cleanup that comes from now on stops it."""
        self._live.beginning(opening.session_id, opening.login_id)

    async def begin(self, opening: Opening, *, seats: int | None = None) -> Beginning:
        """Record that a noted login is about to be sent, unless so many `seats` of its pool are held."""
        has_seat = await self._told(self._ledger.begin_opening(opening, seats=seats), InVain(opening))
        if has_seat is Beginning.NOT_RECORDED:
            return has_seat
        return Beginning.BEGUN if has_seat else Beginning.NO_SEAT

    def not_begun(self, opening: Opening) -> None:
        """Forget a login that was noted and has no row."""
        self._live.rows_gone(opening.session_id, [opening.login_id])

    async def nothing_made(self, opening: Opening) -> None:
        """Record that a login has made nothing."""
        if await self._told(self._ledger.opening_failed(opening), InVain(opening)) is None:
            self._live.rows_gone(opening.session_id, [opening.login_id])
            self._not_taken(opening.pool)

    async def unanswered(self, opening: Opening, reason: str = "no answer came") -> None:
        """Record that nobody knows what a login has made, and tell a person, who alone can find out."""
        where = "`connector sessions list --state unknown`"
        message = f"nobody knows what a login has made: end it in the end system if it is there; {where}"
        log.error(message, reason=reason, origin=opening.origin, session=session_digest(opening.session_id))
        if await self._told(self._ledger.opening_unanswered(opening), InVain(opening, is_unknown=True)) is None:
            self._live.rows_gone(opening.session_id, [opening.login_id])

    async def _told(self, telling: Coroutine[Any, Any, T], left: InVain) -> T | Literal[Beginning.NOT_RECORDED]:
        """Tell the ledger, and return its answer if it took it. What it could not be told is kept until it can."""
        is_durable = False  # also after a cancellation, or a defect
        try:
            answer = await in_time(telling)
            is_durable = True
        except LedgerUnavailable as problem:
            log.warning("the ledger could not be told of a login; it is told when it works again", reason=str(problem))
        finally:
            if not is_durable:
                self._live.unrecorded.keep_in_vain(left)
        return answer if is_durable else Beginning.NOT_RECORDED
