"""What is served besides OpsHub's calls: the metrics on their own address, the control calls on a Unix socket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
from aiohttp import web
from yarl import URL

from connector.api.doors import Doors, listen
from connector.api.hosts import Hosts
from connector.api.metrics_endpoint import metrics_app
from connector.api.parser import guarded_runner
from connector.config.settings import Settings
from connector.ledger.port import Ledger
from connector.runtime.open_files import BESIDE
from connector.runtime.supervision import supervised
from connector.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@asynccontextmanager
async def metrics_served(metrics: Metrics, ledger: Ledger, settings: Settings, doors: Doors) -> AsyncIterator[str | None]:
    """Measure, and serve `GET /metrics`, while the context is open; yields the URL, or None if the metrics are switched off.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    if not doors.metrics:
        yield None
        return
    hosts = Hosts(settings.server.allowed_hosts, settings.metrics.host)
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(running(metrics_app(metrics, hosts), settings))
        await listen(runner, "metrics", doors.metrics)
        host, port, *_ = runner.addresses[0]
        url = str(URL.build(scheme="http", host=host, port=port, path="/metrics"))
        await stack.enter_async_context(supervised("watching the event loop", metrics.watch_loop))
        await stack.enter_async_context(supervised("counting what is owed", partial(metrics.ledger.watch, ledger.statistics)))
        log.info("serving metrics", url=url)
        yield url


@asynccontextmanager
async def control_served(app: web.Application, settings: Settings, doors: Doors) -> AsyncIterator[None]:
    """Serve the control application on its socket while the context is open. Warn if the platform has no such sockets."""
    if doors.control is None:
        log.warning("no control socket on this platform: `connector owed` and `connector status` read the ledger's file only")
        yield
        return
    async with running(app, settings) as runner:
        await web.SockSite(runner, doors.control, backlog=BESIDE).start()
        yield


@asynccontextmanager
async def running(app: web.Application, settings: Settings, *, most: int = BESIDE) -> AsyncIterator[web.AppRunner]:
    """Run an application of ours, with at most so many connections, while the context is open."""
    runner = guarded_runner(app, settings.server, most=most)
    try:
        await runner.setup()
        yield runner
    finally:
        await runner.cleanup()
