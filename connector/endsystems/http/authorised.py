"""A client for an author's own requests, that carries a login and goes nowhere else than the end system."""

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
    """Open a client whose every request carries `headers`, for as long as the context.

    Guards each request, and each redirect that it follows, as those of a profile are guarded; the login is put in only then. Its
    connections are its own, for some end systems tie a login to one. It keeps no cookies and decompresses nothing.
    """

    async def carry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            allowed_target(str(request.url), allowed)
        except ValueError as problem:
            raise TargetNotAllowed(str(problem)) from None
        for name, value in headers:
            request.headers[name] = value
        return await handler(request)

    root = URL(base_url.rstrip("/") + "/", encoded=True) if base_url else None
    async with client.session(carry, base_url=root) as session:
        yield session
