"""`GET /health/live` and `GET /health/ready`: what an orchestrator of containers and a load balancer ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from connector.api.lifecycle import Lifecycle
from connector.api.rendering import json_answer
from connector.cache.watch import Watch


@dataclass(frozen=True, slots=True)
class HealthCalls:
    """Tells whether the process lives, and whether it is of use."""

    watch: Watch
    lifecycle: Lifecycle

    async def live(self, _: web.Request) -> web.Response:
        """Answer 200: whoever can answer is alive."""
        return json_answer(HTTPStatus.OK, {"status": "alive"})

    async def ready(self, _: web.Request) -> web.Response:
        """Ping every driver: 200 when all are up, 503 when one is not or the server is shutting down."""
        found = await self.readiness()
        return json_answer(HTTPStatus.OK if found["status"] == "ready" else HTTPStatus.SERVICE_UNAVAILABLE, found)

    async def readiness(self) -> dict[str, Any]:
        """Ping every driver and say in words how each is, and the server as a whole."""
        drivers = await self.watch.ping()
        words = {name: "up" if reason is None else reason for name, reason in drivers.items()}
        return {"status": self._status(drivers), "drivers": words}

    def _status(self, drivers: Mapping[str, str | None]) -> str:
        if self.lifecycle.draining:
            return "draining"
        return "ready" if all(reason is None for reason in drivers.values()) else "unavailable"
