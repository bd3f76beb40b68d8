"""`GET /metrics`: what the server has counted and measured, on an address of its own."""

from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

from connector.api.boundary import boundary
from connector.api.callers import admitting, no_web_pages, only_by
from connector.api.hosts import Hosts
from connector.api.rendering import SERVER, ErrorShapes
from connector.telemetry.metrics import Metrics

METRICS = web.AppKey("metrics", Metrics)


def metrics_app(metrics: Metrics, hosts: Hosts) -> web.Application:
    """Return the application that serves the metrics to anybody except web pages. They hold no secret."""
    admitted = admitting((no_web_pages, only_by(hosts)), metrics.observe_rejection)
    app = web.Application(middlewares=[boundary(ErrorShapes([""], [])), admitted])
    app[METRICS] = metrics
    app.router.add_get("/metrics", MetricsCall(metrics).handle)
    return app


class MetricsCall(Struct, frozen=True):
    """Answers a scrape."""

    metrics: Metrics

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with everything, in the text format of Prometheus."""
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Server": SERVER}
        return web.Response(body=self.metrics.exposition(), headers=headers)
