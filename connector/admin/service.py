"""What an administrator asks of a ledger, and what he has done to it. Every face, now and later, asks here."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

import structlog

from connector.admin.closing import Closing
from connector.admin.draining import Draining
from connector.admin.readiness import ReadinessCheck
from connector.admin.shown import (
    Choice,
    RunningServer,
    ShownDebt,
    ShownKeyring,
    ShownLedger,
    ShownOwner,
    ShownPool,
    SilentLedger,
    shown_debt,
    shown_pool,
    states_of,
)
from connector.admin.shown_history import ShownHistory
from connector.admin.shown_sessions import ClosedSession, SessionFilter, ShownSession, closed_session, shown_session
from connector.ledger.port import DismissedDebts, ShownDebts, ShownKeys, ShownSessions
from connector.model.errors import LedgerUnavailable, NoSuchSession
from connector.model.listed import Wanted
from connector.model.peers import heard
from connector.model.seat_pools import Pool
from connector.sessions.doubts import Doubts
from connector.sessions.seat_lines import SeatLines
from connector.telemetry.last_day import LastDay
from connector.telemetry.logs import session_digest
from connector.telemetry.metrics import LEDGER_PATIENCE
from connector.version import __version__
from connector.workers.holding import Holding

log = structlog.get_logger(__name__)


class ShownContents(ShownDebts, ShownSessions, ShownKeys, Protocol):
    """A ledger that an administrator sees."""


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Shows what a ledger holds. It may be a running server's, or a file that no server has open."""

    ledger: ShownContents

    async def rows(
        self, choice: Choice = "open", *, system: str | None = None, after: int = 0, limit: int = sys.maxsize
    ) -> list[ShownDebt]:
        """List rows in the order of their ids, from `after` on. Raises `LedgerUnavailable`."""
        found = await self.ledger.listing(states=states_of(choice), system=system, after=after, limit=limit)
        return [*map(shown_debt, found)]

    async def row(self, id_: int) -> ShownDebt:
        """Show one row. Raises `NoSuchDebt` and `LedgerUnavailable`."""
        return shown_debt(await self.ledger.debt(id_))

    async def sessions(self, chosen: SessionFilter, *, after: int = 0, limit: int = sys.maxsize) -> list[ShownSession]:
        """List sessions in the order of their places, from `after` on. Raises `LedgerUnavailable`."""
        return [*map(shown_session, await self.ledger.session_listing(chosen.wanted, after=after, limit=limit))]

    async def session(self, session_id: str) -> list[ShownSession]:
        """Show the logins of one session, at least one. Raises `NoSuchSession` and `LedgerUnavailable`."""
        if found := await self.ledger.session_listing(Wanted(session=session_id)):
            return [*map(shown_session, found)]
        raise NoSuchSession(f"no session is open with the id {session_id}")

    async def keys(self) -> ShownKeyring:
        """Tell which keys are needed, and which replica has which. Raises `LedgerUnavailable`."""
        owners = [ShownOwner(name, digests_in(about)) for name, about in await self.ledger.owners()]
        return ShownKeyring(await self.ledger.rows_by_key(), owners)

    async def totals(self) -> ShownLedger:
        """Tell how much is owed. Raises `LedgerUnavailable`."""
        return ShownLedger(
            **asdict(await self.ledger.statistics()),
            held_back=await self.ledger.held_back(),
            next_try_at=await self.ledger.next_due(time.time()),
            durability=self.ledger.durability,
        )


def digests_in(about: bytes | None) -> list[str]:
    """Return the digests of the keys that a replica tells."""
    peer = None if about is None else heard(about)
    return [] if peer is None else [digest.hex() for digest in peer.keys]


class SteeredLedger(ShownContents, DismissedDebts, Protocol):
    """A ledger that an administrator sees and steers."""

    async def pools(self) -> list[Pool]:
        """Return the pools of which seats are held."""
        ...


@dataclass(frozen=True, slots=True)
class Admin(LedgerView):
    """Shows and steers a running server."""

    ledger: SteeredLedger
    readiness: ReadinessCheck
    holding: Holding
    closing: Closing
    draining: Draining
    nudge: Callable[[], None]
    """Tells the retries that something may be due."""
    metrics_url: str | None
    doubts: Doubts
    seats: int | None
    """How many each pool has; None if logins are not counted."""
    lines: SeatLines
    reaped: Mapping[str, int]
    """Sessions that were reaped since the start, by the reason."""
    last_day: LastDay
    started: float = field(default_factory=time.monotonic)

    def history(self, since: float = 0.0) -> ShownHistory:
        """Show what this server did in each minute that has ended after `since`, for a day at most, and in the present one."""
        return ShownHistory(self.last_day.since(since), self.last_day.present)

    async def status(self) -> RunningServer:
        """Tell how the server is, whatever is broken in it."""
        found = await self.readiness.ask()
        return RunningServer(
            status=found.status,
            drivers=found.drivers,
            degraded=found.degraded,
            replicas=found.replicas,
            pid=os.getpid(),
            version=__version__,
            metrics=self.metrics_url,
            uptime=round(time.monotonic() - self.started, 3),
            unproved=self.doubts.unproved,
            doubted=dict(self.doubts.doubted()),
            pools=await self._pools(),
            reaped=dict(self.reaped),
            ledger=await self._ledger(),
        )

    async def make_due(self, id_: int, *, here: bool = False) -> ShownDebt:
        """Make a logout due now; `here` sends it to today's end system, though its login was made at another one.

        Raises:
            NoSuchDebt: there is none that could be tried again.
            DebtHeldBack: it would only be held back again.
            LedgerUnavailable: nothing has changed.
        """
        debt = await self.holding.make_due(id_, here=here)
        self.nudge()
        log.info("an administrator has a logout tried again", debt=id_, session=session_digest(debt.session_id))
        return shown_debt(debt)

    async def dismiss(self, id_: int, reason: str) -> None:
        """Close a logout that nobody will do. Raises `NoSuchDebt` and `LedgerUnavailable`."""
        await self.ledger.dismiss(id_, reason)
        log.warning("an administrator has dismissed a logout: if its login is still open, it stays open", debt=id_)

    async def close(self, session_id: str, login_id: str) -> ClosedSession:
        """Clean a session up, if it is still open by this login, and tell what became of it. Raises as `Closing.close` does."""
        return closed_session(login_id, await self.closing.close(session_id, login_id))

    async def dismiss_login(self, session_id: str, login_id: str) -> None:
        """Forget a login of which nobody knows what it has made. Raises as `Closing.dismiss` does."""
        await self.closing.dismiss(session_id, login_id)

    async def _pools(self) -> list[ShownPool]:
        """Tell who holds seats; nothing if the ledger does not answer, which is told beside it."""
        if self.seats is None:
            return []
        try:
            async with asyncio.timeout(LEDGER_PATIENCE):
                pools = await self.ledger.pools()
        except (TimeoutError, LedgerUnavailable):
            return []
        return [shown_pool(pool, self.seats, self.lines.waiting_for(pool.name)) for pool in pools]

    async def _ledger(self) -> ShownLedger | SilentLedger:
        try:
            async with asyncio.timeout(LEDGER_PATIENCE):
                return await self.totals()
        except (TimeoutError, LedgerUnavailable) as problem:
            return SilentLedger(str(problem) or f"no answer within {LEDGER_PATIENCE:g} s")
