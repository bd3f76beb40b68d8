"""`GET /metrics`: what the server has counted and measured, on an address of its own."""

from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from connector.api.boundary import boundary
from connector.api.errors import SERVER, ErrorShapes
from connector.metrics import Metrics

METRICS = web.AppKey("metrics", Metrics)


def metrics_app(metrics: Metrics) -> web.Application:
    """Return the application that tells the metrics to whoever asks; it holds no secret."""
    app = web.Application(middlewares=[boundary(ErrorShapes([""], []))])
    app[METRICS] = metrics
    app.router.add_get("/metrics", MetricsCall(metrics).handle)
    return app


@dataclass(frozen=True, slots=True)
class MetricsCall:
    """Answers a scrape."""

    metrics: Metrics

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with everything, in the text format of Prometheus."""
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Server": SERVER}
        return web.Response(body=self.metrics.exposition(), headers=headers)
