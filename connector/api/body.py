"""Reads a request's body to its end, or discards it: within a limit and a deadline."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import web

from connector.api.connection import BROKEN_BODY
from connector.api.http_errors import ApiError, body_too_large
from connector.runtime.deadline import within
from drivers.cancellation import StrayCancellation, cancelled_only_if_asked


async def discard_body(request: web.Request, *, limit: int, deadline: float) -> None:
    """Read the body to its end and forget it, so that an incomplete request is never acted on. Raises as `read_body`."""
    if request.can_read_body or (request.content_length or 0) > limit:
        async for _ in _pieces(request, limit, deadline):
            pass


async def read_body(request: web.Request, *, limit: int, deadline: float) -> bytes:
    """Return the whole body.

    Raises:
        ApiError: 413 with more than `limit` bytes, 408 when it has not ended within `deadline` seconds, 400 when it broke off.
    """
    return b"".join([piece async for piece in _pieces(request, limit, deadline)])


async def _pieces(request: web.Request, limit: int, deadline: float) -> AsyncIterator[bytes]:
    ends = asyncio.get_running_loop().time() + deadline
    announced, received = request.content_length or 0, 0
    while max(announced, received) <= limit:
        if not request.can_read_body:
            return
        piece = await _piece(request, ends, deadline)
        received += len(piece)
        yield piece
    raise body_too_large(limit)


async def _piece(request: web.Request, ends: float, deadline: float) -> bytes:
    try:
        with cancelled_only_if_asked:
            # Mostly it has come together with the head, and nobody waits.
            return await within(ends - asyncio.get_running_loop().time(), request.content.readany())
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", f"The body did not arrive within {deadline:g} seconds."
        ) from None
    except (*BROKEN_BODY, StrayCancellation):  # the latter by aiohttp, when the server ends
        raise ApiError(HTTPStatus.BAD_REQUEST, "body_incomplete", "The body broke off, or is not what its headers say.") from None
