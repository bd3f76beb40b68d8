"""The parts of an application: what they are made of, how they are opened, and what runs while they are open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from connector.api.routes import Served
from connector.assembly.kinds import UNTRACED, Kinds
from connector.assembly.opening_parts import OpeningParts, opening_over
from connector.assembly.reaping import reaper_rules
from connector.cache import Caches, Entries
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.cleanups.one_at_a_time import OneAtATime
from connector.cleanups.orchestrator import OnceUnused, Orchestrator
from connector.cleanups.plan import Planner
from connector.config.settings import Settings
from connector.endsystems.authored import handed_on
from connector.endsystems.build import build_seat_pools
from connector.endsystems.end_system import LONGEST_LOGIN, EndSystem
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.fingerprints import of_keys
from connector.ledger.fingerprints import pools as digests_of
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.model.cleanup import CleanupReport
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession
from connector.preflight.combinations import requires_seal
from connector.preflight.loading import Prepared
from connector.runtime.steps import close, step
from connector.runtime.supervision import OwnedTasks, supervised
from connector.sessions.admission import Admission
from connector.sessions.doubts import Doubts
from connector.sessions.fleet import FleetSessions
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.openings import Openings
from connector.sessions.records import SessionRecords
from connector.sessions.renewals import Renewals
from connector.sessions.running_logins import RunningLogins
from connector.sessions.seal import Seals
from connector.sessions.seat_lines import SeatLines
from connector.sessions.seats import SeatRules
from connector.sessions.session import SessionsInUse
from connector.sessions.store_guard import StoreGuard
from connector.telemetry.figures import DoubtFigures, SeatFigures, SessionFigures, StoreFigures
from connector.telemetry.metrics import Metrics
from connector.workers.catching_up import CatchingUp
from connector.workers.holding import Holding
from connector.workers.making_room import MakingRoom
from connector.workers.other_replicas import Peers, this_process
from connector.workers.owed_evictions import OwedEvictions
from connector.workers.reaper import Reaper
from connector.workers.retries import LONGEST_TRY, Retries
from connector.workers.unused_stores import UnusedStores
from drivers import Driver, Sharing
from drivers.cancellation import cancelled_only_if_asked

if TYPE_CHECKING:  # a server that counts no seats does without
    from connector.endsystems.naming_pools import SeatPools

MARGIN = 1.0
"""Seconds that an end system has beyond its own deadline, so that it can say how far it got."""


@dataclass(frozen=True, slots=True)
class Core:
    """What all other parts are built on."""

    settings: Settings
    end_system: EndSystem
    storage: Storage
    ledger: Ledger
    books: Bookkeeping
    live: LiveSessions
    seals: Seals
    tasks: OwnedTasks
    metrics: Metrics
    logouts: Logouts
    clock: Callable[[], float]
    peers: Peers | None
    """None if no replica can share the authority."""
    pools: "SeatPools | None"
    """None if logins are not counted."""
    lines: SeatLines
    tick: float
    """Seconds between two ticks of the reaper."""
    kinds: Kinds


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    end_system: EndSystem
    storage: Storage
    ledger: Ledger
    live: LiveSessions
    tasks: OwnedTasks
    """Cleanups and retries, and what goes on without a caller."""
    served: Served
    logins: RunningLogins
    orchestrator: Orchestrator
    catching_up: CatchingUp
    holding: Holding
    retries: Retries
    reaper: Reaper
    renewals: Renewals
    owed_evictions: OwedEvictions
    unused_stores: UnusedStores
    metrics: Metrics
    doubts: Doubts
    peers: Peers | None
    """None if no replica can share the authority."""
    lines: SeatLines
    pools: "SeatPools | None"
    """None if logins are not counted."""
    seat_figures: SeatFigures | None

    @asynccontextmanager
    async def running(self, shutdown_deadline: float) -> AsyncIterator[None]:
        """Open all parts, do in the background what is owed, and close all at the end.

        Raises:
            ConfigurationError: the ledger, the end system or a driver cannot work, or another replica does not share what it
                has to.
        """
        async with AsyncExitStack() as stack:
            await self._open(stack)
            stack.push_async_callback(self.catching_up.finish, shutdown_deadline)
            stack.push_async_callback(self.drain, shutdown_deadline)
            for name, loop in self._loops():
                await stack.enter_async_context(supervised(name, loop))
            yield

    async def _open(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.ledger.opened())
        if self.pools is not None and self.pools.per is None:
            await self._seat_all(self.pools)
        await self.live.load()
        stack.push_async_callback(self.live.write_notes)
        stack.push_async_callback(close, "the end system", self.end_system.aclose)
        with cancelled_only_if_asked:
            await self.end_system.open()
        await stack.enter_async_context(self.storage.opened())
        if self.peers is not None:
            await self.peers.meet(self.live.ledger_id)
        await self._serve_from_the_authority()

    async def _serve_from_the_authority(self) -> None:
        """Have everything invalidated if another store was the authority until now: this one has missed evictions.

        Raises:
            ConfigurationError: the ledger does not work.
        """
        try:
            await self.ledger.serve_from(self.storage.authority_as_configured)
        except LedgerUnavailable as problem:
            raise problem.refusal("ledger") from problem

    async def _seat_all(self, pools: "SeatPools") -> None:
        """Count also the logins that were made while nobody counted them.

        Raises:
            ConfigurationError: the ledger does not work.
        """
        try:
            await self.ledger.seat_uncounted(lambda origin: pools.of(origin, {}))
        except LedgerUnavailable as problem:
            raise problem.refusal("ledger") from problem

    def _loops(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what runs for as long as the application, with its name."""
        for driver in self.storage.drivers:
            self.storage.owe(driver)
            yield f"owed evictions of {driver.name}", partial(self.owed_evictions.run, driver)
            yield f"watch over {driver.name}", partial(self.storage.watch.run, driver)
        if self.peers is not None:
            yield "other replicas", self.peers.run
        yield "watch over the ledger", self.owed_evictions.watch
        yield "evictions that unused stores owe", self.unused_stores.run
        if self.ledger.shared:
            yield "evictions that others owe", self.owed_evictions.stand_in
        yield "retries", self._retry
        if self.seat_figures is not None:
            yield "counting seats", partial(self.seat_figures.watch, self.ledger.pools)
        yield "reaper", self.reaper.run
        yield from self.live.loops()
        yield "renewals that the ledger could not take", self.renewals.keep_writing
        yield "what the ledger could not take", self.catching_up.run

    async def _retry(self) -> None:
        """Hold back what today's end system cannot end, then try again what is owed. A defect in the first stops no retry."""
        await step("sorting what is owed", self.holding.sort, deadline=LONGEST_TRY, late=None, failed=None)
        await self.retries.run()

    async def drain(self, deadline: float) -> int:
        """Begin nothing any more that nobody asks for, and finish what has begun. Return how many tasks were broken off.

        Cleanups, retries and what is being reaped have `deadline` seconds. Work in the background is cancelled at once.
        """
        self.retries.stop()
        self.reaper.stop()
        async with asyncio.TaskGroup() as drains:
            cleanups = drains.create_task(self.orchestrator.drain(deadline))
            logins = drains.create_task(self.logins.drain(deadline))
            renewals = drains.create_task(self.renewals.drain(deadline))
            drains.create_task(self.live.background.drain())
        return cleanups.result() + logins.result() + renewals.result()


def core_of(
    start: Prepared, keyring: Keyring, ledger: Ledger, clock: Callable[[], float], tick: float, *, kinds: Kinds = UNTRACED
) -> Core:
    """Make what all other parts are built on, over a ledger."""
    settings, tasks, metrics = start.settings, OwnedTasks(), Metrics(clock)
    lines, seals = SeatLines(lambda pool: digests_of(pool, keyring)), Seals(keyring)
    live = FleetSessions(ledger, clock) if ledger.shared else LiveSessions(ledger, clock)
    storage = kinds.storage(start.drivers, settings.storage.deadlines, owing=_owing(start.drivers) if ledger.shared else None)
    core = Core(
        settings=settings,
        end_system=start.end_system,
        storage=storage,
        ledger=ledger,
        books=Bookkeeping(ledger, Backoff(settings.ledger.give_up_after), clock, given_back=lines.given_back),
        live=live,
        seals=seals,
        tasks=tasks,
        metrics=metrics,
        logouts=kinds.logouts(start.end_system, tasks, metrics, deadline=for_end_system(settings), background=live.background),
        clock=clock,
        peers=_peers(settings, keyring, seals, storage, ledger),
        pools=build_seat_pools(settings.end_system, start.end_system),
        lines=lines,
        tick=tick,
        kinds=kinds,
    )
    metrics.tell(StoreFigures(core.storage))
    metrics.tell(SessionFigures(core.live))
    metrics.tell(DoubtFigures(core.logouts.doubts.doubted))
    return core


def _peers(settings: Settings, keyring: Keyring, seals: Seals, storage: Storage, ledger: Ledger) -> Peers | None:
    if storage.authority.capabilities.shared is not Sharing.MACHINES:
        return None
    me = this_process(settings.connector.name, of_keys(keyring))
    return Peers(me, storage, ledger, keys=lambda: of_keys(keyring, first=seals.writing))


def _owing(drivers: Sequence[Driver]) -> list[str]:
    """Return the drivers whose evictions the processes of a fleet owe together: the others are each process's own."""
    return [driver.name for driver in drivers if driver.capabilities.shared is not Sharing.NONE]


def parts_of(core: Core, hooks: Hooks, *, sees_use: bool) -> Parts:
    """Make the parts of an application, not yet open. `sees_use` tells whether it serves the calls of sessions."""
    orchestrator = _orchestrator(core, hooks)
    per_origin = core.settings.ledger.per_origin
    retries = Retries(core.ledger, orchestrator.retry, core.tasks, per_origin=per_origin, clock=core.clock)
    renewals = Renewals(core.ledger, core.live, longest=LONGEST_LOGIN * for_end_system(core.settings), nudge=retries.nudge)
    planner = Planner(core.end_system, renewals.current)
    reaper = _reaper(core, orchestrator, planner, sees_use=sees_use)
    opening = _opening(core, orchestrator, planner, retries.nudge, reaper, hands_settings_on=sees_use)
    owed_evictions = OwedEvictions(
        core.ledger, core.storage, core.books, core.live.unrecorded, core.metrics.observe_late_evictions, clock=core.clock
    )
    return Parts(
        end_system=core.end_system,
        storage=core.storage,
        ledger=core.ledger,
        live=core.live,
        tasks=core.tasks,
        served=_served(core, orchestrator, planner, opening.openings, renewals),
        logins=opening.logins,
        orchestrator=orchestrator,
        catching_up=CatchingUp(core.live, core.ledger, core.logouts, core.storage, nudge=retries.nudge),
        holding=Holding(core.ledger, core.logouts),
        retries=retries,
        reaper=reaper,
        renewals=renewals,
        owed_evictions=owed_evictions,
        unused_stores=UnusedStores(core.ledger, core.storage, core.books),
        metrics=core.metrics,
        doubts=core.logouts.doubts,
        peers=core.peers,
        lines=core.lines,
        pools=core.pools,
        seat_figures=_seat_figures(core),
    )


def _seat_figures(core: Core) -> SeatFigures | None:
    if core.pools is None:
        return None
    figures = SeatFigures(core.lines.waiting)
    core.metrics.tell(figures)
    return figures


def _orchestrator(core: Core, hooks: Hooks) -> Orchestrator:
    deadline = core.settings.server.deadlines.hooks
    return core.kinds.orchestrator(
        core.logouts, core.storage, core.books, core.tasks, live=core.live, hooks=hooks, hook_deadline=deadline
    )


def _opening(
    core: Core,
    orchestrator: Orchestrator,
    planner: Planner,
    nudge: Callable[[], None],
    reaper: Reaper,
    *,
    hands_settings_on: bool,
) -> OpeningParts:
    pools = core.pools
    ends_before = core.settings.end_system.replace == "before"
    # With seats, it is these that let a session's login end before: nobody who waits may take the seat in between.
    turns = OneAtATime(orchestrator, planner, core.logouts, core.live, core.ledger, ends_before=ends_before and pools is None)
    return opening_over(
        core.logouts,
        core.live,
        core.seals,
        core.ledger,
        _session_records(core, nudge),
        deadline=for_end_system(core.settings),
        longest_header=core.settings.server.limits.header,
        handed_on=partial(handed_on, core.end_system) if hands_settings_on else None,
        turns=turns if ends_before or pools else None,
        is_alone=turns.is_alone if ends_before and core.ledger.shared else None,
        may_replace=StoreGuard(core.live, core.storage).may_replace if core.ledger.shared else None,
        seats=None if pools is None else _seat_rules(core, pools, turns, reaper),
        clock=core.clock,
    )


def _session_records(core: Core, nudge: Callable[[], None]) -> SessionRecords:
    given_back = core.lines.given_back
    return SessionRecords(core.logouts, core.ledger, core.storage, core.books, core.live, nudge=nudge, given_back=given_back)


def _seat_rules(core: Core, pools: "SeatPools", turns: OneAtATime, reaper: Reaper) -> SeatRules:
    idle, room = core.settings.sessions.seat_idle, None
    if idle != "off":
        room = MakingRoom(core.ledger, core.live, reaper.reap_one, lambda: reaper.now, idle=idle).make_room
    ends_before = core.settings.end_system.replace == "before"
    end_own = turns.end_all if ends_before else turns.end_own
    return SeatRules(pools, core.lines, core.ledger, core.tasks, end_own, ends_before, room)


def _reaper(core: Core, orchestrator: Orchestrator, planner: Planner, *, sees_use: bool) -> Reaper:
    async def cleanup(session: OpenSession, once_unused: OnceUnused | None) -> CleanupReport:
        wanted = planner.by_record(session)
        return await orchestrator.cleanup(wanted, only_if_recorded=True, only_this_login=True, once_unused=once_unused)

    return core.kinds.reaper(
        core.ledger,
        core.live,
        cleanup,
        reaper_rules(core.settings, sees_use=sees_use),
        tasks=core.tasks,
        metrics=core.metrics,
        tick=core.tick,
        clock=core.clock,
    )


def _served(core: Core, orchestrator: Orchestrator, planner: Planner, openings: Openings, renewals: Renewals) -> Served:
    return Served(
        admission=_admission(core),
        planner=planner,
        orchestrator=orchestrator,
        end_system=core.end_system,
        openings=openings,
        seals=core.seals,
        in_use=SessionsInUse(core.seals, core.live, _caches(core), core.logouts, renewals, core.clock),
        storage=core.storage,
        ledger=core.ledger,
        live=core.live,
        peers=core.peers,
        metrics=core.metrics,
    )


def _caches(core: Core) -> Caches:
    return Caches(Entries(core.storage), core.kinds.loads(core.settings.cache.slow_loader))


def _admission(core: Core) -> Admission:
    from_beyond = not core.settings.security.allow_unsealed_cleanup_beyond_loopback
    return Admission(core.seals, core.live, require_seal=requires_seal(core.settings), require_seal_from_beyond=from_beyond)


def for_end_system(settings: Settings) -> float:
    """Return how many seconds a login or a logout may take."""
    return settings.end_system.deadlines.total + MARGIN
