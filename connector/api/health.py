"""`GET /health/live` and `GET /health/ready`: what an orchestrator of containers and a load balancer ask."""

from http import HTTPStatus
from typing import Literal

import msgspec
from aiohttp import web
from msgspec import Struct

from connector.admin.readiness import READY, ReadinessCheck
from connector.api.rendering import json_answer


class Alive(msgspec.Struct):
    """The process serves."""

    status: Literal["alive"] = "alive"


class HealthCalls(Struct, frozen=True):
    """Tells whether the process lives, and whether it can serve."""

    readiness: ReadinessCheck

    async def live(self, _: web.Request) -> web.Response:
        """Answer 200: whoever can answer is alive."""
        return json_answer(HTTPStatus.OK, Alive())

    async def ready(self, _: web.Request) -> web.Response:
        """Ask the ledger and every driver: 200 if the server can serve, 503 if it cannot, or is to end."""
        found = await self.readiness.ask()
        return json_answer(HTTPStatus.OK if found.status == READY else HTTPStatus.SERVICE_UNAVAILABLE, found)
