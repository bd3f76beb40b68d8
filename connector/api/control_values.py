"""What an administrator sends over the control socket, as values, and how he is answered."""

from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from connector.api.body import read_body
from connector.api.http_errors import ApiError
from connector.api.rendering import json_answer

T = TypeVar("T", bound=msgspec.Struct)

PATIENCE = 20.0
"""Seconds for one call."""
LARGEST_BODY = 65_536
"""Bytes."""


async def body_of(request: web.Request) -> Any:
    """Return what the body holds; None if it is empty."""
    body = await read_body(request, limit=LARGEST_BODY, deadline=PATIENCE)
    return _decoded(body) if body else None


def converted(values: Any, kind: type[T]) -> T:
    """Return what was sent as a value of this kind. Raises `ApiError` if it is none."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as problem:
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_parameter", str(problem)) from None


def ok(body: Any) -> web.Response:
    """Return the answer of a call that was done."""
    return json_answer(HTTPStatus.OK, body)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: no JSON, or no UTF-8
        raise ApiError(HTTPStatus.BAD_REQUEST, "not_json", "The body is not JSON.") from None
