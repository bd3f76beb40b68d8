"""Wires the parts of the connector together; nothing else does."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from aiohttp import web

from connector.api.routes import add_routes
from connector.config.drivers import build_drivers
from connector.config.settings import Settings
from connector.endsystems.build import build_end_system
from connector.orchestrator import Orchestrator
from connector.storage import Storage

ORCHESTRATOR = web.AppKey("orchestrator", Orchestrator)


def create_app(settings: Settings, environ: Mapping[str, str] = os.environ) -> web.Application:
    """Return the application for checked settings. Drivers and end system are opened at its start-up and closed at its clean-up.

    Raises:
        ConfigurationError: if the end system cannot be made of the settings; at start-up, if a driver cannot work.
    """
    end_system = build_end_system(settings.end_system, environ)
    storage = Storage(build_drivers(settings.storage), settings.storage.deadlines)
    orchestrator = Orchestrator(end_system, storage, logout_deadline=settings.end_system.deadlines.total)

    async def running(_: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(end_system.aclose)
            await end_system.open()
            await stack.enter_async_context(storage.opened())
            yield
            await orchestrator.drain(settings.server.deadlines.shutdown)

    app = web.Application()
    app[ORCHESTRATOR] = orchestrator
    app.cleanup_ctx.append(running)
    add_routes(app, settings, orchestrator, storage)
    return app
