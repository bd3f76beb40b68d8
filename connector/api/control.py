"""The calls of the control socket: an administrator sees how the server is and what is owed, and acts on it."""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars

from connector.admin.service import Admin
from connector.admin.shown import Choice
from connector.api.body import read_body
from connector.api.boundary import boundary
from connector.api.callers import admitting, no_web_pages
from connector.api.http_errors import ApiError
from connector.api.metrics_endpoint import METRICS
from connector.api.rendering import ErrorShapes, json_answer
from connector.model.errors import DebtHeldBack, LedgerUnavailable, NoSuchDebt
from connector.telemetry.metrics import Metrics

T = TypeVar("T", bound=msgspec.Struct)

PATIENCE = 20.0
"""Seconds for one call."""
LARGEST_BODY = 65_536
"""Bytes."""
LARGEST_ID = 2**63 - 1
"""As SQLite numbers rows."""


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """Which rows are wanted, in the order of their ids."""

    state: Choice = "open"
    system: str | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """How to try a logout again."""

    here: bool = False
    """At today's end system, though its login was made at another one."""


class Dismissal(msgspec.Struct, forbid_unknown_fields=True):
    """Why nobody has to do a logout any more."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class ControlCalls:
    """Parses what an administrator asks, asks the service, and renders its answers as JSON."""

    admin: Admin

    async def status(self, _: web.Request) -> web.Response:
        """Tell how the server is, whatever is broken in it."""
        return _ok(await self.admin.status())

    async def listing(self, request: web.Request) -> web.Response:
        """List rows."""
        chosen = _converted(dict(request.query), Chosen)
        return _ok(await self.admin.rows(chosen.state, system=chosen.system, after=chosen.after, limit=chosen.limit))

    async def show(self, request: web.Request) -> web.Response:
        """Show one row."""
        return _ok(await self.admin.row(_id(request)))

    async def retry(self, request: web.Request) -> web.Response:
        """Make a logout due now."""
        wanted = _converted(await _body(request) or {}, Retry)
        return _ok(await self.admin.make_due(_id(request), here=wanted.here))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Close a logout that nobody will do."""
        dismissal = _converted(await _body(request), Dismissal)
        await self.admin.dismiss(_id(request), dismissal.reason)
        return _ok({"id": _id(request)})


def control_app(admin: Admin, metrics: Metrics) -> web.Application:
    """Return the application for the control socket. Who may connect to it may call it: the socket's mode decides.

    Web pages may not: somebody may have forwarded the socket to a port.
    """
    admitted = admitting((no_web_pages,), metrics.observe_rejection)
    outermost = boundary(ErrorShapes([""], []), level=logging.DEBUG)
    app = web.Application(middlewares=[outermost, admitted, _in_time, _ledger_errors])
    app[METRICS] = metrics
    calls = ControlCalls(admin)
    app.router.add_get("/status", calls.status)
    app.router.add_get("/owed", calls.listing)
    app.router.add_get(r"/owed/{id:[0-9]{1,18}}", calls.show)
    app.router.add_post(r"/owed/{id:[0-9]{1,18}}/retry", calls.retry)
    app.router.add_post(r"/owed/{id:[0-9]{1,18}}/dismiss", calls.dismiss)
    return app


@web.middleware
async def _in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        async with asyncio.timeout(PATIENCE):
            return await handler(request)
    except TimeoutError:
        message = f"Not done within {PATIENCE:g} seconds; it may still be."
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "timeout", message) from None


@web.middleware
async def _ledger_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except NoSuchDebt as problem:
        raise ApiError(HTTPStatus.NOT_FOUND, "no_such_row", str(problem)) from problem
    except DebtHeldBack as problem:
        raise ApiError(HTTPStatus.CONFLICT, "held_back", str(problem)) from problem
    except LedgerUnavailable as problem:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "ledger_unavailable", str(problem)) from problem


def _id(request: web.Request) -> int:
    id_ = int(request.match_info["id"])
    bind_contextvars(debt=id_)
    return id_


async def _body(request: web.Request) -> Any:
    """Return what the body holds; None if it is empty."""
    body = await read_body(request, limit=LARGEST_BODY, deadline=PATIENCE)
    return _decoded(body) if body else None


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: no JSON, or no UTF-8
        raise ApiError(HTTPStatus.BAD_REQUEST, "not_json", "The body is not JSON.") from None


def _converted(values: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as problem:
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_parameter", str(problem)) from None


def _ok(body: Any) -> web.Response:
    return json_answer(HTTPStatus.OK, body)
