"""What is served beside the calls of OpsHub: the metrics on an address of their own, the control on a Unix socket."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
from aiohttp import web
from yarl import URL

from connector.api import unix_socket
from connector.api.hosts import Hosts
from connector.api.metrics import metrics_app
from connector.api.parser import guarded_runner
from connector.config.settings import Settings
from connector.errors import ConfigurationError
from connector.ledger.store import Ledger
from connector.metrics import Metrics
from connector.supervision import supervised

log = structlog.get_logger(__name__)


@asynccontextmanager
async def metrics_served(metrics: Metrics, ledger: Ledger, settings: Settings) -> AsyncIterator[str | None]:
    """Measure, and serve `GET /metrics`, while the context is open; yields the URL, or None where it is switched off.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    if not settings.metrics.enabled:
        yield None
        return
    hosts = Hosts(settings.server.hosts, settings.metrics.host)
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(_running(metrics_app(metrics, hosts), settings))
        await listen(runner, "metrics", settings.metrics.host, settings.metrics.port)
        host, port, *_ = runner.addresses[0]
        url = str(URL.build(scheme="http", host=host, port=port, path="/metrics"))
        await stack.enter_async_context(supervised("watching the event loop", metrics.watch_loop))
        await stack.enter_async_context(supervised("counting what is owed", partial(metrics.ledger.watch, ledger.statistics)))
        log.info("serving metrics", url=url)
        yield url


@asynccontextmanager
async def control_served(app: web.Application, settings: Settings) -> AsyncIterator[None]:
    """Serve the control application on its socket while the context is open; where the platform has no such sockets, say so.

    Raises:
        ConfigurationError: another server listens there, or the path cannot be used.
    """
    if not unix_socket.AVAILABLE:
        log.warning("no control socket on this platform: `connector owed` and `connector status` read the ledger's file only")
        yield
        return
    with unix_socket.bound(settings.control.socket, "control.socket") as bound:
        async with _running(app, settings) as runner:
            await web.SockSite(runner, bound).start()
            yield


async def listen(runner: web.AppRunner, section: str, host: str, port: int) -> None:
    """Take connections on an address.

    Raises:
        ConfigurationError: the address cannot be used; names the keys of the configuration's `section`.
    """
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as problem:
        plain = isinstance(problem, socket.gaierror)  # to any other, asyncio adds the address once more
        reason = problem.strerror if plain or problem.errno is None else os.strerror(problem.errno)
        raise ConfigurationError([f"{section}.host, {section}.port: cannot listen on {host}:{port}: {reason}"]) from problem


@asynccontextmanager
async def _running(app: web.Application, settings: Settings) -> AsyncIterator[web.AppRunner]:
    runner = guarded_runner(app, settings.server)
    try:
        await runner.setup()
        yield runner
    finally:
        await runner.cleanup()
