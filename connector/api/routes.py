"""Which call is served at which path."""

from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web

from connector.admin.readiness import Lifecycle, ReadinessCheck
from connector.api.boundary import boundary
from connector.api.callers import Callers, admitting, no_web_pages, only_by
from connector.api.discover import DiscoverCall
from connector.api.health import HealthCalls
from connector.api.hosts import Hosts
from connector.api.initialize import InitializeCall
from connector.api.lifecycle import LIFECYCLE, READINESS
from connector.api.metrics_endpoint import METRICS
from connector.api.openapi import OpenApiCall
from connector.api.parameters import SESSION
from connector.api.probes import PROBE, PROBES, ProbeCall, Probes
from connector.api.rendering import ErrorShapes
from connector.api.session_logout import CleanupCall
from connector.api.session_of_request import AT_THE_ROOT, added_routes, in_sessions
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.cleanups.plan import Planner
from connector.config.settings import ServerSection, Settings
from connector.endsystems.end_system import EndSystem
from connector.ledger.port import SoonestDue
from connector.sessions.admission import Admission
from connector.sessions.live import LiveSessions
from connector.sessions.openings import Openings
from connector.sessions.seal import Seals
from connector.sessions.session import SessionsInUse
from connector.telemetry.metrics import Metrics
from connector.workers.other_replicas import Peers

LIVE, READY, OPENAPI = AT_THE_ROOT


@dataclass(frozen=True, slots=True)
class Served:
    """What the calls are made of."""

    admission: Admission
    planner: Planner
    orchestrator: Orchestrator
    end_system: EndSystem
    openings: Openings
    seals: Seals
    in_use: SessionsInUse
    storage: Storage
    ledger: SoonestDue
    live: LiveSessions
    peers: Peers | None
    metrics: Metrics


def add_routes(app: web.Application, settings: Settings, served: Served, routes: Collection[web.RouteDef] = ()) -> None:
    """Serve every call at every base path, the health checks and the description at the root, and all errors as the SDK has them.

    `routes` are an author's own, whose calls belong to a session. The base paths are as the configuration has checked them:
    empty, or a leading slash and none at the end, and no two alike.
    """
    server = settings.server
    app[LIFECYCLE] = Lifecycle()
    app[READINESS] = _readiness(server, served, app[LIFECYCLE])
    app[METRICS] = served.metrics
    app[PROBES] = Probes()
    live = _add_health(app, HealthCalls(app[READINESS]))
    shapes = ErrorShapes(server.base_paths, server.mbse_base_paths, lambda: live.canonical.removesuffix(LIVE))
    callers = Callers(server.allowed_callers, server.trusted_proxies)
    _add_calls(app, settings, served, callers, shapes)
    own = frozenset(added_routes(app, routes, _bases(server)))
    app.router.add_get(OPENAPI, OpenApiCall(settings.connector, shapes, own).handle)
    checks = (callers.check, no_web_pages, only_by(Hosts(server.allowed_hosts, server.host)))
    app.middlewares.append(boundary(shapes))
    app.middlewares.append(admitting(checks, served.metrics.observe_rejection))
    if own:
        app.middlewares.append(in_sessions(served.in_use, own))


def _readiness(server: ServerSection, served: Served, lifecycle: Lifecycle) -> ReadinessCheck:
    needs_stores = server.ready == "store"
    return ReadinessCheck(served.storage, served.ledger, served.live.unrecorded, lifecycle, needs_stores, served.peers)


def _add_calls(app: web.Application, settings: Settings, served: Served, callers: Callers, shapes: ErrorShapes) -> None:
    server, metrics = settings.server, served.metrics
    cleanup = CleanupCall(served.admission, served.planner, served.orchestrator, callers, server, shapes, metrics)
    initialize = InitializeCall(served.openings, served.end_system, served.seals, server, shapes, metrics)
    for base in _bases(server):
        # aiohttp's own pattern for a segment leaves out braces, in which a UUID may stand.
        app.router.add_post(f"{base}/cleanup/{{{SESSION}:[^/]+}}", cleanup.handle)
        app.router.add_post(f"{base}/initialize/{{{SESSION}:[^/]+}}", initialize.handle)
        app.router.add_get(f"{base}/discover", DiscoverCall(settings.connector).handle)
        app.router.add_post(f"{base}{PROBE}", ProbeCall(app[PROBES], server).handle)


def _bases(server: ServerSection) -> tuple[str, ...]:
    return (*server.base_paths, *server.mbse_base_paths)


def _add_health(app: web.Application, health: HealthCalls) -> web.AbstractResource:
    app.router.add_get(READY, health.ready)
    live = app.router.add_get(LIVE, health.live).resource
    if live is None:
        raise AssertionError("a route of a path has a resource")
    return live
