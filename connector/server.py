"""The process: listens, serves, and on a signal finishes what it has begun."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import structlog
from aiohttp import web

from connector.api.doors import DOORS, Doors, listen, opened_doors
from connector.api.lifecycle import LIFECYCLE
from connector.api.parser import GuardedRunner, guarded_runner
from connector.app import ALSO_READ, PARTS, SECRETS, create_app
from connector.cleanups.hooks import Hooks
from connector.config.settings import ServerDeadlines, Settings
from connector.model.addresses import is_loopback
from connector.model.listed import TICK
from connector.preflight.listener import listener_tls
from connector.preflight.loading import Prepared
from connector.preflight.reloading import Reloading
from connector.runtime.event_loop import loop_factory
from connector.runtime.garbage_collection import raise_threshold
from connector.runtime.open_files import allow_as_many_as_possible
from connector.runtime.signals import stop_signal

log = structlog.get_logger(__name__)

IN_CLEAR = (
    "serving other machines in clear text: whoever listens on the way reads logins and seals; "
    "set server.tls.certificate, or listen on loopback and let a proxy with TLS serve them"
)
STOPPING = "stopping: all is served on for the time to drain; then what has begun is finished, and the rest stays in the ledger"


def serve(
    config: Prepared | Settings,
    *,
    routes: Collection[web.RouteDef] = (),
    hooks: Hooks | None = None,
    tick: float = TICK,
    read_again: Callable[[], Settings] | None = None,
) -> int:
    """Serve until a signal asks to end, and return the exit code; `routes`, `hooks` and `tick` are as for `create_app`.

    `read_again` reads the configuration at a hang-up; without it, only the certificates are read then.

    From the signal on `/health/ready` answers 503, and each answer closes its connection. All is served on for
    `server.deadlines.drain` seconds. What has begun then is finished, an author's handlers included, for at most
    `server.deadlines.shutdown` seconds. The listener stays open until nothing but handlers is under way.

    Raises:
        ConfigurationError: before anything is served, if the address, a driver or the end system cannot work.
    """
    allow_as_many_as_possible()
    raise_threshold()
    settings = config.settings if isinstance(config, Prepared) else config
    with opened_doors(settings) as doors, asyncio.Runner(loop_factory=loop_factory()) as runner:
        app = create_app(config, routes=routes, hooks=hooks, tick=tick)
        return runner.run(serve_app(app, settings, doors, read_again))


async def serve_app(
    app: web.Application, settings: Settings, doors: Doors, read_again: Callable[[], Settings] | None = None
) -> int:
    """Serve an application that `create_app` has made of these settings, at doors that were opened for it, as `serve` does."""
    app[DOORS] = doors
    runner = guarded_runner(app, settings.server)
    tls = listener_tls(settings.server.tls)
    also = app[ALSO_READ]
    stop = stop_signal(Reloading(settings, tls, read_again or (lambda: settings), app[SECRETS], also).reload)
    try:
        await runner.setup()
        await listen(runner, "server", doors.server, tls)
        _tell_where(runner.addresses, "http" if tls is None else "https")
        await _finish(app, runner, settings.server.deadlines, asked_by=await stop)
    finally:
        await runner.cleanup()
    log.info("stopped")
    return 0


def _tell_where(addresses: Sequence[Any], scheme: str) -> None:
    for host, port, *_ in addresses:
        log.info("serving", scheme=scheme, host=host, port=port)
    beyond = [f"{host} port {port}" for host, port, *_ in addresses if not is_loopback(host)]
    if beyond and scheme == "http":
        log.warning(IN_CLEAR, addresses=beyond)


async def _finish(app: web.Application, runner: GuardedRunner, deadlines: ServerDeadlines, *, asked_by: str) -> None:
    log.info(STOPPING, signal=asked_by, drain=deadlines.drain, seconds=deadlines.shutdown)
    app[LIFECYCLE].drain()
    await asyncio.sleep(app[LIFECYCLE].left_of(deadlines.drain))
    until = time.monotonic() + deadlines.shutdown
    tasks = await app[PARTS].drain(deadlines.shutdown)
    requests = await runner.finish(max(0.0, until - time.monotonic()))
    if tasks or requests:
        log.warning("broken off at the deadline", tasks=tasks, requests=requests)
