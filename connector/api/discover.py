"""`GET /discover`: who this connector is. OpsHub asks every replica and wants the same answer."""

from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from connector.api.rendering import json_answer
from connector.config.settings import ConnectorSection


class Introduction(msgspec.Struct, rename="camel"):
    """Who the connector is. Each replica says the same."""

    connector_name: str
    connector_version: str


class DiscoverCall(Struct, frozen=True):
    """Introduces the connector."""

    connector: ConnectorSection

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with name and version."""
        return json_answer(HTTPStatus.OK, Introduction(self.connector.name, self.connector.version))
