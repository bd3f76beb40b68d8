"""Reading away the body of a request that needs none."""

import asyncio
from http import HTTPStatus

from aiohttp import web

from connector.api.errors import ApiError
from connector.api.parser import BROKEN_BODY


async def discard_body(request: web.Request, *, limit: int, deadline: float) -> None:
    """Read the body to its end and forget it, so that an incomplete request is never acted on.

    Raises:
        ApiError: 413 with more than `limit` bytes, 408 when it has not ended within `deadline` seconds, 400 when it broke off.
    """
    try:
        async with asyncio.timeout(deadline):
            await _discard(request, limit)
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", f"The body did not arrive within {deadline:g} seconds."
        ) from None
    except BROKEN_BODY:
        raise ApiError(HTTPStatus.BAD_REQUEST, "body_incomplete", "The body broke off, or is not what its headers say.") from None


async def _discard(request: web.Request, limit: int) -> None:
    announced, received = request.content_length or 0, 0
    while max(announced, received) <= limit:
        chunk = await request.content.readany()
        if not chunk:
            return
        received += len(chunk)
    raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"The body is larger than {limit} bytes.")
