"""The whole application on a free loopback port, in the test's own process, behind the parser that production has."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from connector.api.metrics_endpoint import METRICS
from connector.api.parser import guarded_runner
from connector.app import PARTS, create_app
from connector.assembly.parts import Parts
from connector.cleanups.hooks import Hooks
from connector.model.listed import TICK
from connector.preflight.loading import load
from connector.telemetry.metrics import Metrics
from tests.e2e.opshub import OpsHub

KEYS = {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"}
OTHER_KEYS = {"CONNECTOR_LEDGER_KEYS": f"other:{'o' * 42}A"}
BOTH_KEYS = {"CONNECTOR_LEDGER_KEYS": f"{OTHER_KEYS['CONNECTOR_LEDGER_KEYS']},{KEYS['CONNECTOR_LEDGER_KEYS']}"}


@dataclass(frozen=True, slots=True)
class Served:
    """A running application, and an OpsHub that calls it."""

    opshub: OpsHub
    metrics: Metrics
    url: str
    folder: Path
    parts: Parts


@asynccontextmanager
async def served(
    folder: Path,
    config: str = "",
    *,
    environ: Mapping[str, str] = KEYS,
    routes: Collection[web.RouteDef] = (),
    hooks: Hooks | None = None,
    clock: Callable[[], float] | None = None,
    tick: float = TICK,
) -> AsyncIterator[Served]:
    """Serve this configuration while the context is open; its files are in `folder`, and stay there for the next time.

    `tick` is how many seconds a minute of idle time takes.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(
        f'{config}\n[ledger]\npath = "{folder}/ledger.sqlite3"\n[storage.sqlite]\npath = "{folder}/cache.sqlite3"\n'
        f'[control]\nsocket = "{folder}/control.sock"\n[metrics]\nport = 0\n'
    )
    settings = load(file, environ).settings
    options = {} if clock is None else {"clock": clock}
    app = create_app(settings, routes=routes, hooks=hooks, environ=environ, tick=tick, **options)
    runner = guarded_runner(app, settings.server)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with OpsHub(url) as opshub:
            yield Served(opshub, app[METRICS], url, folder, app[PARTS])
    finally:
        await runner.cleanup()
