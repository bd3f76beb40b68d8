"""What keeps an author's requests within the end system, and adds a login to them."""

from collections.abc import Iterable, Sequence

import aiohttp
from yarl import URL

from connector.endsystems.http import authors_login
from connector.endsystems.http.guard import UrlPrefix, allowed_target


class TargetNotAllowed(aiohttp.ClientError):
    """A request would leave `end_system.allowed_urls`, by its URL or by a redirect. Nothing was sent."""

    def __init__(self, reason: str, url: URL) -> None:
        super().__init__(reason)  # without the URL, which may hold a secret
        self.url = url


class RedirectNotAllowed(TargetNotAllowed):
    """The end system redirects a request to where `end_system.allowed_urls` does not lead."""


def carrying(headers: Iterable[tuple[str, str]], allowed: Sequence[UrlPrefix]) -> aiohttp.ClientMiddlewareType:
    """Return the middleware that guards each request, and each redirect that it follows, as those of a profile.

    Only then `headers` are added.
    """
    added = [*headers]

    async def carry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            allowed_target(str(request.url), allowed)
        except ValueError as problem:
            raise TargetNotAllowed(str(problem), request.url) from None
        # Set at each hop, because aiohttp drops credentials at a redirect to another origin, which may still be allowed.
        for name, value in added:
            request.headers[name] = value
        with authors_login.sending(request):
            answer = await handler(request)
        authors_login.note(answer)  # now, because a redirect that is followed next may fail
        return answer

    return carry
