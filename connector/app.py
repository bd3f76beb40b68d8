"""The application: its parts and its calls."""

import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from connector.admin.audited import AuditBook
from connector.admin.caching import Caching
from connector.admin.closing import Closing
from connector.admin.draining import Draining
from connector.admin.service import Admin
from connector.api.control import control_app
from connector.api.doors import DOORS, opened_doors
from connector.api.lifecycle import LIFECYCLE, READINESS
from connector.api.probes import PROBES
from connector.api.routes import add_routes
from connector.api.sites import control_served, metrics_served
from connector.assembly.kept_secrets import KeptSecrets
from connector.assembly.keys_in_use import KeysInUse
from connector.assembly.ledgers import ledger_of
from connector.assembly.parts import Parts, core_of, parts_of
from connector.assembly.tracing import Tracing, tracing_of
from connector.cleanups.hooks import Hooks
from connector.config.settings import Settings
from connector.console.serving import console_served
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.model.listed import TICK
from connector.preflight.keyfile import given_keyring, load_keyring
from connector.preflight.ledger_store import advice_on_sharing, ledger_file
from connector.preflight.loading import Prepared, load, prepared
from connector.preflight.reloading import ReadAgain
from connector.runtime.supervision import supervised
from connector.telemetry.last_day import LastDay
from connector.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

PARTS = web.AppKey("parts", Parts)
SECRETS = web.AppKey("secrets", KeptSecrets)
ALSO_READ = web.AppKey("also_read", list[ReadAgain])
"""What else is read again at a hang-up, while the application runs."""
LAST_DAY = web.AppKey("last_day", LastDay)
MakeLedger = Callable[[Settings, Keyring, Callable[[], float]], Ledger]
"""Makes the ledger of these settings and keys; the last is a clock."""


def create_app(
    config: Prepared | Settings | Path | str,
    *,
    routes: Collection[web.RouteDef] = (),
    hooks: Hooks | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    tick: float = TICK,
) -> web.Application:
    """Return the application. Its parts are opened at its start-up and closed at its clean-up.

    So are its metrics and its control socket, wherever the application itself is served.

    Args:
        config: the path of a configuration file; or settings that have been checked, with or without the parts made of them.
        routes: an author's own, `aiohttp.web.get("/projects", handler)` and the like, served under each base path. A handler
            gets its session from `connector.session(request)`; a call without one is answered 401 before.
        hooks: what else a cleanup has to do.
        environ: variables, which win over the file; by default those of the process's environment.
        clock: decides when something that is owed is due, in seconds since the epoch.
        tick: seconds until a minute of idle time has passed, for tests: a minute by default.

    Raises:
        ConfigurationError: if the settings cannot work; at start-up, if the ledger, the end system, a driver or an address
            cannot.
    """
    environ = os.environ if environ is None else environ
    start = _prepared(config, environ)
    return app_of(start, partial(ledger_of, environ=environ), routes=routes, hooks=hooks, environ=environ, clock=clock, tick=tick)


def app_of(
    start: Prepared,
    make_ledger: MakeLedger,
    *,
    routes: Collection[web.RouteDef],
    hooks: Hooks | None,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    tick: float,
) -> web.Application:
    """Return the application over the ledger that `make_ledger` makes; see `create_app`."""
    settings = start.settings
    if not structlog.is_configured():  # by default it prints tracebacks with local variables, and credentials with them
        configure_logs(settings.logs)
    for line in settings.deprecations:
        log.warning("a deprecated name in the configuration: the next version does not know it", name=line)
    if advice := advice_on_sharing(settings.ledger, start.drivers[-1]):
        log.warning(advice, authority=start.drivers[-1].name)
    keyring = load_keyring(settings.ledger.key_file, environ, ledger=ledger_file(settings.ledger))
    ledger = make_ledger(settings, keyring, clock)
    tracing = tracing_of(settings)
    if tracing.of_requests and hasattr(start.end_system, "guarded"):  # else no request is ever sent
        start.end_system.guarded.also = tracing.of_requests
    core = core_of(start, keyring, ledger, ledger.clock, tick, kinds=tracing.kinds)
    app = web.Application(middlewares=tracing.of_calls)
    app[ALSO_READ] = []
    read_keys = partial(given_keyring, settings.ledger.key_file, environ)
    app[SECRETS] = KeptSecrets(read_keys, start.drivers, KeysInUse(keyring, core.seals, ledger, core.peers), core.tasks)
    parts = app[PARTS] = parts_of(core, hooks or Hooks(), sees_use=bool(routes))
    app[LAST_DAY] = LastDay(core.metrics, clock)
    app.cleanup_ctx.append(partial(_running, settings=settings, environ=environ, tracing=tracing))
    add_routes(app, settings, parts.served, routes)
    return app


def _prepared(config: Prepared | Settings | Path | str, environ: Mapping[str, str]) -> Prepared:
    match config:
        case Prepared():
            return config
        case Settings():
            return prepared(config, environ)
        case _:
            return load(Path(config), environ)


async def _running(app: web.Application, settings: Settings, environ: Mapping[str, str], tracing: Tracing) -> AsyncIterator[None]:
    """Keep the parts of the application open, and serve what an administrator calls, while the application runs."""
    parts = app[PARTS]
    with nullcontext(app[DOORS]) if DOORS in app else opened_doors(settings, for_calls=False) as doors:
        served_metrics = metrics_served(parts.metrics, parts.ledger, settings, doors)
        async with tracing.sent(), parts.running(settings.server.deadlines.shutdown), served_metrics as url:
            admin = _admin(app, settings, url)
            async with (
                console_served(admin, parts.metrics, settings, doors, environ, at_hang_up=app[ALSO_READ].append) as link,
                control_served(control_app(admin, parts.metrics, app[PROBES], link), settings, doors),
                supervised("the last day", app[LAST_DAY].run),
            ):
                yield


def _admin(app: web.Application, settings: Settings, metrics_url: str | None) -> Admin:
    parts = app[PARTS]
    closing = Closing(parts.ledger, parts.live, parts.served.planner, parts.orchestrator, parts.metrics)
    return Admin(
        ledger=parts.ledger,
        audit_book=AuditBook(parts.ledger),
        readiness=app[READINESS],
        holding=parts.holding,
        closing=closing,
        caching=Caching(parts.storage, parts.orchestrator, parts.ledger, parts.metrics),
        draining=_draining(app, closing),
        nudge=parts.retries.nudge,
        metrics_url=metrics_url,
        doubts=parts.doubts,
        seats=settings.end_system.seats,
        lines=parts.lines,
        reaped=parts.reaper.reaped,
        last_day=app[LAST_DAY],
        keys_of_all=app[SECRETS].keys.of_all,
    )


def _draining(app: web.Application, closing: Closing) -> Draining:
    parts = app[PARTS]
    return Draining(
        lifecycle=app[LIFECYCLE],
        ledger=parts.ledger,
        logins=parts.logins,
        tasks=parts.tasks,
        renewals=parts.renewals,
        unrecorded=parts.live.unrecorded,
        closing=closing,
        holding=parts.holding,
        nudge=parts.retries.nudge,
        pause_retries=parts.retries.pause,
        resume_retries=parts.retries.go_on,
    )
