"""What a browser sends: the fields of a form, and what is wanted in an address."""

from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from connector.api.body import read_body
from connector.api.control_values import LARGEST_BODY, PATIENCE, converted
from connector.api.http_errors import ApiError

T = TypeVar("T", bound=msgspec.Struct)

FORM = web.RequestKey("form", dict)
FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 32


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form. Raises `ApiError` if the body is none."""
    if request.content_type != FORM_TYPE:
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no_form", "The body is no form.")
    body = await read_body(request, limit=LARGEST_BODY, deadline=PATIENCE)
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise ApiError(HTTPStatus.BAD_REQUEST, "no_form", "The body is no form.") from None


def wanted(request: web.Request, kind: type[T]) -> T:
    """Return what an address asks for; an empty field counts as absent. Raises `ApiError` if it cannot be understood."""
    return converted({name: value for name, value in request.query.items() if value}, kind)


def sent(request: web.Request, kind: type[T]) -> T:
    """Return what a form has sent, without the token that protects it. Raises `ApiError` if it cannot be understood."""
    return converted({name: value for name, value in request[FORM].items() if value and name != "csrf"}, kind)
