"""Which call is served at which path."""

from aiohttp import web

from connector.api.boundary import boundary
from connector.api.cleanup import CleanupCall
from connector.api.discover import DiscoverCall
from connector.api.errors import ErrorShapes
from connector.api.health import HealthCalls
from connector.api.lifecycle import LIFECYCLE, Lifecycle
from connector.api.metrics import METRICS
from connector.api.parameters import SESSION
from connector.config.settings import Settings
from connector.metrics import Metrics
from connector.orchestrator import Orchestrator
from connector.storage import Storage


def add_routes(
    app: web.Application, settings: Settings, orchestrator: Orchestrator, storage: Storage, metrics: Metrics | None = None
) -> None:
    """Serve every call at every base path, the health checks at the root, and all errors in the shape of the SDK.

    The base paths are as the configuration has checked them: empty, or a leading slash and none at the end, and no two alike.
    """
    server = settings.server
    app[LIFECYCLE] = Lifecycle()
    app[METRICS] = metrics or Metrics()
    cleanup, discover = CleanupCall(orchestrator, server, app[METRICS]), DiscoverCall(settings.connector)
    health = HealthCalls(storage, app[LIFECYCLE])
    for base in (*server.base_paths, *server.mbse_base_paths):
        # aiohttp's own pattern for a segment leaves out braces, in which a UUID may stand.
        app.router.add_post(f"{base}/cleanup/{{{SESSION}:[^/]+}}", cleanup.handle)
        app.router.add_get(f"{base}/discover", discover.handle)
    app.router.add_get("/health/live", health.live)
    app.router.add_get("/health/ready", health.ready)
    app.middlewares.append(boundary(ErrorShapes(server.base_paths, server.mbse_base_paths)))
