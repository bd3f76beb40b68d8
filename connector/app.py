"""Wires the parts of the connector together; nothing else does."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from connector.api.doors import DOORS, opened_doors
from connector.api.health import HealthCalls
from connector.api.lifecycle import LIFECYCLE
from connector.api.routes import Served, add_routes
from connector.api.sites import administered
from connector.cache import Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.cleanups.orchestrator import Orchestrator
from connector.config.settings import Settings
from connector.endsystems.build import build_end_system
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import DEADLINE, Bookkeeping
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.combinations import requires_seal
from connector.preflight.drivers import build_drivers
from connector.preflight.keyfile import load_keyring
from connector.preflight.loading import load
from connector.runtime.steps import close, step
from connector.runtime.supervision import OwnedTasks, supervised
from connector.sessions.admission import Admission
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.openings import Openings
from connector.sessions.records import SessionRecords
from connector.sessions.seal import Seals
from connector.sessions.session import SessionsInUse
from connector.telemetry.figures import SessionFigures, StoreFigures
from connector.telemetry.logs import configure_logs
from connector.telemetry.metrics import Metrics
from connector.workers.catching_up import CatchingUp
from connector.workers.holding import Holding
from connector.workers.owed_evictions import OwedEvictions
from connector.workers.retries import LONGEST_TRY, Retries
from drivers.cancellation import cancelled_only_if_asked

log = structlog.get_logger(__name__)

MARGIN = 1.0
"""Seconds that an end system has beyond its own deadline, to say itself how far it got."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    storage: Storage
    ledger: Ledger
    live: LiveSessions
    served: Served
    orchestrator: Orchestrator
    catching_up: CatchingUp
    holding: Holding
    retries: Retries
    owed_evictions: OwedEvictions
    metrics: Metrics

    @asynccontextmanager
    async def running(self, shutdown_deadline: float) -> AsyncIterator[None]:
        """Open what has to be opened, do in the background what is owed, and close all at the end.

        Raises:
            ConfigurationError: the ledger, the end system or a driver cannot work.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.ledger.opened())
            await self.live.load()
            stack.push_async_callback(self.live.write_notes)
            stack.push_async_callback(close, "the end system", self.orchestrator.end_system.aclose)
            with cancelled_only_if_asked:
                await self.orchestrator.end_system.open()
            await stack.enter_async_context(self.storage.opened())
            stack.push_async_callback(self.catching_up.finish, shutdown_deadline)
            stack.push_async_callback(self.drain, shutdown_deadline)
            for driver in self.storage.drivers:
                self.storage.owe(driver)
                for name, loop in (("owed evictions of", self.owed_evictions.run), ("watch over", self.storage.watch.run)):
                    await stack.enter_async_context(supervised(f"{name} {driver.name}", partial(loop, driver)))
            await stack.enter_async_context(supervised("watch over the ledger", self.owed_evictions.watch))
            await stack.enter_async_context(supervised("retries", self._retry))
            await stack.enter_async_context(supervised("use of sessions", self.live.keep_notes))
            await stack.enter_async_context(supervised("what the ledger could not take", self.catching_up.run))
            yield

    async def _retry(self) -> None:
        """Try again what is owed, once that is sorted out which today's end system cannot end; a defect there stops no retry."""
        await step("sorting what is owed", self.holding.sort, deadline=LONGEST_TRY, late=None, failed=None)
        await self.retries.run()

    async def drain(self, deadline: float) -> int:
        """Finish what has begun, the cleanups and retries within `deadline` seconds; returns how many tasks were broken off."""
        async with asyncio.TaskGroup() as drains:
            cleanups = drains.create_task(self.orchestrator.drain(deadline))
            openings = drains.create_task(self.served.openings.drain(deadline))
        return cleanups.result() + openings.result()


PARTS = web.AppKey("parts", Parts)


def create_app(
    config: Settings | Path | str,
    *,
    routes: Collection[web.RouteDef] = (),
    hooks: Hooks | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """Return the application. What it is made of is opened at its start-up and closed at its clean-up.

    So are its metrics and its control socket, wherever the application itself is served.

    Args:
        config: the path of a configuration file, or settings that have been checked.
        routes: an author's own, `aiohttp.web.get("/projects", handler)` and the like, served under each base path. A handler
            gets its session from `connector.session(request)`; a call without one is answered 401 before.
        hooks: what else a cleanup has to do.
        environ: variables, which win over the file; by default those of the process's environment.
        clock: decides when something that is owed is due, in seconds since the epoch.

    Raises:
        ConfigurationError: if the settings cannot work; at start-up, if the ledger, the end system, a driver or an address
            cannot.
    """
    environ = os.environ if environ is None else environ
    settings = config if isinstance(config, Settings) else load(Path(config), environ)
    if not structlog.is_configured():  # by default it prints tracebacks with local variables, and credentials with them
        configure_logs(settings.logs)
    for line in settings.deprecations:
        log.warning("a deprecated name in the configuration: the next version does not know it", name=line)
    parts = _parts(settings, hooks or Hooks(), environ, clock)

    async def running(_: web.Application) -> AsyncIterator[None]:
        with nullcontext(app[DOORS]) if DOORS in app else opened_doors(settings, for_calls=False) as doors:
            health = HealthCalls(parts.storage, app[LIFECYCLE])
            beside = administered(
                parts.ledger,
                parts.metrics,
                health,
                holding=parts.holding,
                nudge=parts.retries.nudge,
                settings=settings,
                doors=doors,
            )
            async with parts.running(settings.server.deadlines.shutdown), beside:
                yield

    app = web.Application()
    app[PARTS] = parts
    app.cleanup_ctx.append(running)
    add_routes(app, settings, parts.served, routes)
    return app


def _parts(settings: Settings, hooks: Hooks, environ: Mapping[str, str], clock: Callable[[], float]) -> Parts:
    keyring = load_keyring(settings.ledger.key_file, environ, ledger=settings.ledger.path)
    end_system = build_end_system(settings.end_system, environ)
    storage = Storage(build_drivers(settings.storage), settings.storage.deadlines)
    ledger = _ledger(settings, keyring, clock)
    live, seals = LiveSessions(ledger, clock), Seals(keyring)
    books = Bookkeeping(ledger, Backoff(settings.ledger.give_up_after), clock)
    tasks, metrics = OwnedTasks(), Metrics(clock)
    metrics.tell(StoreFigures(storage))
    metrics.tell(SessionFigures(live))
    logouts = Logouts(end_system, tasks, metrics, deadline=_for_end_system(settings))
    orchestrator = Orchestrator(
        logouts, storage, books, tasks, live=live, hooks=hooks, hook_deadline=settings.server.deadlines.hooks
    )
    retries = Retries(ledger, orchestrator.retry, tasks, per_origin=settings.ledger.per_origin, clock=clock)
    openings = Openings(
        logouts,
        live,
        seals,
        SessionRecords(logouts, ledger, storage, books, live.unrecorded, nudge=retries.nudge),
        deadline=_for_end_system(settings),
        longest_header=settings.server.limits.header,
        clock=clock,
    )
    return Parts(
        storage=storage,
        ledger=ledger,
        live=live,
        served=Served(
            orchestrator=orchestrator,
            admission=_admission(settings, seals, live),
            openings=openings,
            in_use=SessionsInUse(seals, live, Caches(Entries(storage), Loads()), logouts),
            storage=storage,
            metrics=metrics,
        ),
        orchestrator=orchestrator,
        catching_up=CatchingUp(live, ledger, logouts, storage, nudge=retries.nudge),
        holding=Holding(ledger, logouts),
        retries=retries,
        owed_evictions=OwedEvictions(ledger, storage, books, metrics.observe_late_evictions),
        metrics=metrics,
    )


def _for_end_system(settings: Settings) -> float:
    """Return how many seconds a login or a logout may take."""
    return settings.end_system.deadlines.total + MARGIN


def _admission(settings: Settings, seals: Seals, live: LiveSessions) -> Admission:
    unsealed_beyond = settings.security.allow_unsealed_cleanup_beyond_loopback
    return Admission(seals, live, require_seal=requires_seal(settings), require_seal_from_beyond=not unsealed_beyond)


def _ledger(settings: Settings, keyring: Keyring, clock: Callable[[], float]) -> Ledger:
    """Return the ledger. What a cleanup owes is left alone by the retries for as long as the cleanup itself may take."""
    return SqliteLedger(
        settings.ledger.path,
        keyring,
        grace=_for_end_system(settings) + settings.storage.deadlines.evict + 2 * DEADLINE,
        keep_closed=settings.ledger.keep_closed,
        clock=clock,
    )
