"""What keeps an author's requests within the end system, and adds a login to them."""

from collections.abc import Callable, Iterable, Sequence

import aiohttp
from yarl import URL

from connector.endsystems.http.guard import UrlPrefix, allowed_target


class TargetNotAllowed(aiohttp.ClientError):
    """A request would leave `end_system.allowed_urls`, by its URL or by a redirect. Nothing was sent."""


def carrying(headers: Iterable[tuple[str, str]], allowed: Sequence[UrlPrefix]) -> aiohttp.ClientMiddlewareType:
    """Return the middleware that guards each request, and each redirect that it follows, as those of a profile.

    Only then `headers` are added.
    """
    added = [*headers]

    async def carry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            allowed_target(str(request.url), allowed)
        except ValueError as problem:
            raise TargetNotAllowed(str(problem)) from None
        # Set at each hop, because aiohttp drops credentials at a redirect to another origin, which may still be allowed.
        for name, value in added:
            request.headers[name] = value
        return await handler(request)

    return carry


def noting(accepted: Callable[[], None], base_url: str) -> aiohttp.ClientMiddlewareType:
    """Return the middleware that calls `accepted` when the end system answers with success at its own address."""
    # Another allowed address says nothing about the one where the login is ended.
    origin = URL(base_url).origin() if base_url else None

    async def note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answer = await handler(request)
        if answer.status < 300 and request.url.origin() == origin:
            accepted()
        return answer

    return note
