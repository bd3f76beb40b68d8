"""What an administrator asks of a ledger, and what he has done to it. Every face, now and later, asks here."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

import structlog

from connector.admin.audited import AuditBook
from connector.admin.caching import Caching
from connector.admin.closing import Closing
from connector.admin.draining import Draining, ShownDrain
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
from connector.admin.shown_audit import ShownAction, shown_action
from connector.admin.shown_caches import EvictedSystem, ShownCaches
from connector.admin.shown_history import ShownHistory
from connector.admin.shown_sessions import ClosedSession, SessionFilter, ShownSession, closed_session, shown_session
from connector.ledger.port import AuditLog, DismissedDebts, ShownAudit, ShownDebts, ShownKeys, ShownSessions
from connector.model.audit import Action, Actor
from connector.model.debts import Debt
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


class ShownContents(ShownDebts, ShownSessions, ShownKeys, ShownAudit, Protocol):
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
        """Tell which keys are needed, and which owner of the ledger has which. Raises `LedgerUnavailable`."""
        owners = [ShownOwner(name, digests_in(about)) for name, about in await self.ledger.owners()]
        return ShownKeyring(await self.ledger.rows_by_key(), owners)

    async def audit(self, *, before: int | None = None, limit: int = 100) -> list[ShownAction]:
        """Show lines of the audit log, the newest first, from below the id `before` on. Raises `LedgerUnavailable`."""
        return [*map(shown_action, await self.ledger.audit_entries(before=before, limit=limit))]

    async def totals(self) -> ShownLedger:
        """Tell how much is owed. Raises `LedgerUnavailable`."""
        ledger = self.ledger
        totals, held_back, next_try_at, owners = await asyncio.gather(  # asked for at once, they share a transaction
            ledger.statistics(), ledger.held_back(), ledger.next_due(time.time()), ledger.owners()
        )
        return ShownLedger(
            **asdict(totals),
            held_back=held_back,
            next_try_at=next_try_at,
            durability=ledger.durability,
            shared_by=[name for name, _ in owners],
        )


def digests_in(about: bytes | None) -> list[str]:
    """Return the digests of the keys that a replica tells."""
    peer = None if about is None else heard(about)
    return [] if peer is None else [digest.hex() for digest in peer.keys]


KeysOfAll = Callable[[Iterable[tuple[str, bytes | None]]], Sequence[tuple[str, tuple[bytes, ...]]]]
"""Returns the keys of the running server, by its name, and those of the other owners of the ledger, as `KeysInUse.of_all`."""


class SteeredLedger(ShownContents, DismissedDebts, AuditLog, Protocol):
    """A ledger that an administrator sees and steers."""

    async def pools(self) -> list[Pool]:
        """Return the pools of which seats are held."""
        ...


@dataclass(frozen=True, slots=True)
class Admin(LedgerView):
    """Shows and steers a running server. Each action is told who acts, and leaves a line in the audit log."""

    ledger: SteeredLedger
    audit_book: AuditBook
    readiness: ReadinessCheck
    holding: Holding
    closing: Closing
    caching: Caching
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
    keys_of_all: KeysOfAll
    started: float = field(default_factory=time.monotonic)

    def history(self, since: float = 0.0) -> ShownHistory:
        """Show what this server did in each minute that has ended after `since`, for a day at most, and in the present one."""
        return ShownHistory(self.last_day.since(since), self.last_day.present)

    async def keys(self) -> ShownKeyring:
        """Tell which keys are needed, and which server has which, this one first. Raises `LedgerUnavailable`."""
        # Who writes with a key is asked first: once nobody does, no row of it comes any more.
        servers = self.keys_of_all(await self.ledger.owners())
        shown = [ShownOwner(name, [digest.hex() for digest in keys]) for name, keys in servers]
        return ShownKeyring(await self.ledger.rows_by_key(), shown, answers=True)

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

    async def make_due(self, by: Actor, id_: int, *, here: bool = False) -> ShownDebt:
        """Make a logout due now; `here` sends it to today's end system, though its login was made at another one.

        Raises:
            NoSuchDebt: there is none that could be tried again.
            DebtHeldBack: it would only be held back again.
            LedgerUnavailable: nothing has changed.
        """

        async def retried() -> Debt:
            debt = await self.holding.make_due(id_, here=here)
            self.nudge()
            log.info("an administrator has a logout tried again", debt=id_, session=session_digest(debt.session_id))
            return debt

        target = f"owed {id_}, at today's end system" if here else f"owed {id_}"
        return shown_debt(await self.audit_book.done(by, Action.RETRY, target, retried, lambda _: "due now"))

    async def dismiss(self, by: Actor, id_: int, reason: str) -> None:
        """Close a logout that nobody will do. Raises `NoSuchDebt` and `LedgerUnavailable`."""

        async def dismissed() -> None:
            await self.ledger.dismiss(id_, reason)
            log.warning("an administrator has dismissed a logout: if its login is still open, it stays open", debt=id_)

        await self.audit_book.done(by, Action.DISMISS, f"owed {id_}", dismissed, lambda _: f"dismissed: {reason}")

    async def close(self, by: Actor, session_id: str, login_id: str) -> ClosedSession:
        """Clean a session up, if it is still open by this login, and tell what became of it. Raises as `Closing.close` does."""

        async def closed() -> ClosedSession:
            return closed_session(login_id, await self.closing.close(session_id, login_id))

        return await self.audit_book.done(by, Action.CLOSE, f"session {session_id}", closed, _ending)

    async def dismiss_login(self, by: Actor, session_id: str, login_id: str) -> None:
        """Forget a login of which nobody knows what it has made. Raises as `Closing.dismiss` does."""

        async def dismissed() -> None:
            await self.closing.dismiss(session_id, login_id)

        target = f"login {login_id} of session {session_id}"
        await self.audit_book.done(by, Action.DISMISS_LOGIN, target, dismissed, lambda _: "forgotten")

    async def caches(self, system: str | None = None) -> ShownCaches:
        """Tell what is cached, by driver and by system. Raises as `Caching.shown` does."""
        return await self.caching.shown(system)

    async def evict(self, by: Actor, system: str) -> EvictedSystem:
        """Evict all that is cached of a system, and tell what became of it. Raises as `Caching.evict` does."""

        async def evicted() -> EvictedSystem:
            return await self.caching.evict(system)

        return await self.audit_book.done(by, Action.EVICT, f"system {system}", evicted, _evictions)

    async def drain(self, by: Actor, *, close_sessions: bool) -> ShownDrain:
        """Begin to empty the server, and tell what is left. Raises as `Draining.drain` does.

        Called again, it tells so again. That leaves no line, unless it is to close sessions from now on.
        """

        async def begun() -> None:
            await self.draining.begin(close_sessions=close_sessions)

        if not self.draining.has_begun(close_sessions=close_sessions):
            target = "the server, and its open sessions" if close_sessions else "the server"
            await self.audit_book.done(by, Action.DRAIN, target, begun, lambda _: "begun")
        return await self.draining.drain(close_sessions=close_sessions)

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


def _ending(closed: ClosedSession) -> str:
    """Say what became of a session that was closed, for the audit log."""
    return f"{closed.state}: {closed.logout.outcome}"


def _evictions(evicted: EvictedSystem) -> str:
    """Say what became of an eviction in each driver, for the audit log."""
    return ", ".join(f"{driver}: {outcome}" for driver, outcome in evicted.evictions.items())
