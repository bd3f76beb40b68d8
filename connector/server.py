"""The process: listens, serves, and on a signal finishes what it has begun."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from connector.addresses import is_loopback
from connector.api.control import ControlCalls, control_app
from connector.api.health import HealthCalls
from connector.api.lifecycle import LIFECYCLE
from connector.api.parser import guarded_runner
from connector.api.sites import control_served, listen, metrics_served
from connector.app import PARTS, create_app
from connector.config.settings import Settings
from connector.garbage import look_for_it_seldom
from connector.hooks import Hooks
from connector.open_files import allow_as_many_as_possible
from connector.signals import stop_signal

log = structlog.get_logger(__name__)

IN_CLEAR = (
    "serving other machines in clear text: whoever listens on the way reads logins and seals; "
    "listen on loopback, and let a proxy with TLS serve them"
)


def serve(settings: Settings, *, routes: Collection[web.RouteDef] = (), hooks: Hooks | None = None) -> int:
    """Serve until a signal asks to end, and return the exit code; `routes` and `hooks` are as for `create_app`.

    On the signal `/health/ready` answers 503, the listener stays open while what has begun is finished, at most for
    `server.deadlines.shutdown`.

    Raises:
        ConfigurationError: before anything was served, if the address, a driver or the end system cannot work.
    """
    allow_as_many_as_possible()
    look_for_it_seldom()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve_app(create_app(settings, routes=routes, hooks=hooks), settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - there is none for Windows

    return uvloop.new_event_loop


async def serve_app(app: web.Application, settings: Settings) -> int:
    """Serve an application that `create_app` has made of these settings, as `serve` does."""
    runner = guarded_runner(app, settings.server)
    stop = stop_signal()
    try:
        await runner.setup()
        async with _administered(app, settings):
            await listen(runner, "server", settings.server.host, settings.server.port)
            _tell_where(runner.addresses)
            await _finish(app, settings.server.deadlines.shutdown, asked_by=await stop)
    finally:
        await runner.cleanup()
    log.info("stopped")
    return 0


def _tell_where(addresses: Sequence[Any]) -> None:
    for host, port, *_ in addresses:
        log.info("serving", host=host, port=port)
    if beyond := [f"{host} port {port}" for host, port, *_ in addresses if not is_loopback(host)]:
        log.warning(IN_CLEAR, addresses=beyond)


@asynccontextmanager
async def _administered(app: web.Application, settings: Settings) -> AsyncIterator[None]:
    """Serve the metrics and the control socket while the context is open."""
    parts = app[PARTS]
    async with metrics_served(parts.metrics, parts.ledger, settings) as url:
        calls = ControlCalls(
            ledger=parts.ledger,
            ledger_file=settings.ledger.path,
            health=HealthCalls(parts.storage, app[LIFECYCLE]),
            metrics_url=url,
            nudge=parts.retries.nudge,
        )
        async with control_served(control_app(calls, parts.metrics), settings):
            yield


async def _finish(app: web.Application, deadline: float, *, asked_by: str) -> None:
    log.info("stopping: what has begun is finished first, the rest stays in the ledger", signal=asked_by, seconds=deadline)
    app[LIFECYCLE].draining = True
    app[PARTS].retries.stop()
    if unfinished := await app[PARTS].drain(deadline):
        log.warning("broken off at the deadline", tasks=unfinished)
