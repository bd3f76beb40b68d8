"""A client for an author's requests. It carries a login and reaches only the end system."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from connector.endsystems.http.guard import UrlPrefix, allowed_target
from connector.endsystems.http.guarded_client import GuardedClient


class TargetNotAllowed(aiohttp.ClientError):
    """A request would leave `end_system.allowed_urls`, by its URL or by a redirect. Nothing was sent."""


@asynccontextmanager
async def authorised_client(
    client: GuardedClient, headers: Sequence[tuple[str, str]], allowed: Sequence[UrlPrefix], base_url: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client whose requests carry `headers`, while the context is open.

    Each request, and each redirect that it follows, is guarded as those of a profile; only then the login is added. Its
    connections are its own, because some end systems tie a login to one. It keeps no cookies.
    """

    async def carry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            allowed_target(str(request.url), allowed)
        except ValueError as problem:
            raise TargetNotAllowed(str(problem)) from None
        # Set at each hop, because aiohttp drops credentials at a redirect to another origin, which may still be allowed.
        for name, value in headers:
            request.headers[name] = value
        return await handler(request)

    # With a slash at the end, or joining a relative URL would drop the last segment.
    root = URL(base_url.rstrip("/") + "/", encoded=True) if base_url else None
    async with client.session(carry, base_url=root) as session:
        yield session
