"""The static files of the console, which hold nothing that is not public."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web

from connector.api.http_errors import not_found
from connector.console.assets import Asset

A_DAY = "public, max-age=86400"
"""Their addresses change with them."""


@dataclass(frozen=True, slots=True)
class StaticCalls:
    """Answers with what was read at the start."""

    files: Mapping[str, Asset]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer with a file."""
        asset = self.files.get(request.match_info["name"])
        if asset is None:
            raise not_found()
        headers = {hdrs.CACHE_CONTROL: A_DAY}
        return web.Response(body=asset.content, content_type=asset.content_type, charset="utf-8", headers=headers)
