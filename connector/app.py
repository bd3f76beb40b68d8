"""Wires the parts of the connector together; nothing else does."""

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from connector.api.routes import add_routes
from connector.bookkeeping import DEADLINE, Bookkeeping
from connector.config.drivers import build_drivers
from connector.config.settings import Settings
from connector.endsystems.build import build_end_system
from connector.ledger.backoff import Backoff
from connector.ledger.evictions import OwedEvictions
from connector.ledger.keyfile import load_keyring
from connector.ledger.retries import Retries
from connector.ledger.store import Ledger
from connector.logouts import Logouts
from connector.metrics import Metrics
from connector.orchestrator import Orchestrator
from connector.storage import Storage
from connector.supervision import OwnedTasks, supervised

MARGIN = 1.0
"""Seconds that an end system has beyond its own deadline, to say itself how far it got."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    storage: Storage
    ledger: Ledger
    orchestrator: Orchestrator
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
            stack.push_async_callback(self.orchestrator.end_system.aclose)
            await self.orchestrator.end_system.open()
            await stack.enter_async_context(self.storage.opened())
            stack.push_async_callback(self.orchestrator.drain, shutdown_deadline)
            for driver in self.storage.drivers:
                self.storage.owe(driver)
                name = f"owed evictions of {driver.name}"
                await stack.enter_async_context(supervised(name, partial(self.owed_evictions.run, driver)))
            await stack.enter_async_context(supervised("watch over the ledger", self.owed_evictions.notice_lost_track))
            await stack.enter_async_context(supervised("retries", self.retries.run))
            yield


PARTS = web.AppKey("parts", Parts)


def create_app(
    settings: Settings, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time
) -> web.Application:
    """Return the application for checked settings. What it is made of is opened at its start-up and closed at its clean-up.

    `clock` decides when something that is owed is due, in seconds since the epoch.

    Raises:
        ConfigurationError: if the settings cannot work; at start-up, if the ledger, the end system or a driver cannot.
    """
    parts = _parts(settings, environ, clock)

    async def running(_: web.Application) -> AsyncIterator[None]:
        async with parts.running(settings.server.deadlines.shutdown):
            yield

    app = web.Application()
    app[PARTS] = parts
    app.cleanup_ctx.append(running)
    add_routes(app, settings, parts.orchestrator, parts.storage, parts.metrics)
    return app


def _parts(settings: Settings, environ: Mapping[str, str], clock: Callable[[], float]) -> Parts:
    end_system = build_end_system(settings.end_system, environ)
    storage = Storage(build_drivers(settings.storage), settings.storage.deadlines)
    ledger = _ledger(settings, environ, clock)
    books = Bookkeeping(ledger, Backoff(settings.ledger.give_up_after), clock)
    tasks, metrics = OwnedTasks(), Metrics(clock)
    logouts = Logouts(end_system, tasks, metrics, deadline=settings.end_system.deadlines.total + MARGIN)
    orchestrator = Orchestrator(logouts, storage, books, tasks)
    return Parts(
        storage=storage,
        ledger=ledger,
        orchestrator=orchestrator,
        retries=Retries(ledger, orchestrator.retry, tasks, per_origin=settings.ledger.per_origin, clock=clock),
        owed_evictions=OwedEvictions(ledger, storage, books),
        metrics=metrics,
    )


def _ledger(settings: Settings, environ: Mapping[str, str], clock: Callable[[], float]) -> Ledger:
    """Return the ledger. What a cleanup owes is left alone by the retries for as long as the cleanup itself may take."""
    return Ledger(
        settings.ledger.path,
        load_keyring(settings.ledger.key_file, environ),
        grace=settings.end_system.deadlines.total + MARGIN + settings.storage.deadlines.evict + 2 * DEADLINE,
        keep_closed=settings.ledger.keep_closed,
        clock=clock,
    )
