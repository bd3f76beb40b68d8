"""`GET /discover`: who this connector is. OpsHub asks every replica and wants the same answer."""

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from connector.api.rendering import json_answer
from connector.config.settings import ConnectorSection


@dataclass(frozen=True, slots=True)
class DiscoverCall:
    """Introduces the connector."""

    connector: ConnectorSection

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with name and version."""
        return json_answer(HTTPStatus.OK, {"connectorName": self.connector.name, "connectorVersion": self.connector.version})
