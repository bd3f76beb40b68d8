"""The calls of the control socket: an administrator sees how the server is and what is in its ledger, and acts on it."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from connector.admin.service import Admin
from connector.admin.shown import ShownLink
from connector.api.actors import actor_of
from connector.api.boundary import boundary
from connector.api.callers import admitting, no_web_pages
from connector.api.control_caches import CacheCalls
from connector.api.control_keys import KeyCalls
from connector.api.control_owed import LARGEST_ID, OwedCalls
from connector.api.control_sessions import SessionCalls
from connector.api.control_values import PATIENCE, body_of, converted, ok
from connector.api.http_errors import ApiError
from connector.api.metrics_endpoint import METRICS
from connector.api.probes import ProbeControl, Probes
from connector.api.rendering import ErrorShapes
from connector.model.errors import (
    BrokenOff,
    ConnectorError,
    DebtHeldBack,
    LedgerUnavailable,
    NoSuchDebt,
    NoSuchOpening,
    NoSuchSession,
    ServedByOthers,
)
from connector.telemetry.metrics import Metrics


class Drain(msgspec.Struct, forbid_unknown_fields=True):
    """How to empty the server."""

    close_sessions: bool = False


class AuditPage(msgspec.Struct, forbid_unknown_fields=True):
    """Which lines of the audit log are wanted, the newest first."""

    before: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


MakeLink = Callable[[str], ShownLink]
"""Makes a link by which this user gets into the console, once."""
REFUSALS: dict[type[ConnectorError], tuple[HTTPStatus, str]] = {
    NoSuchDebt: (HTTPStatus.NOT_FOUND, "no_such_row"),
    NoSuchSession: (HTTPStatus.NOT_FOUND, "no_such_session"),
    NoSuchOpening: (HTTPStatus.NOT_FOUND, "no_such_login"),
    DebtHeldBack: (HTTPStatus.CONFLICT, "held_back"),
    ServedByOthers: (HTTPStatus.CONFLICT, "served_by_others"),
    LedgerUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "ledger_unavailable"),
    BrokenOff: (HTTPStatus.SERVICE_UNAVAILABLE, "broken_off"),
}
"""What an administrator is answered if the service does not do what he asks."""


def control_app(admin: Admin, metrics: Metrics, probes: Probes, link: MakeLink | None = None) -> web.Application:
    """Return the application for the control socket. Who may connect to it may call it: the socket's mode decides.

    Web pages may not: somebody may have forwarded the socket to a port. Without a `link`, the console is switched off.
    """
    admitted = admitting((no_web_pages,), metrics.observe_rejection)
    outermost = boundary(ErrorShapes([""], []), level=logging.DEBUG)
    app = web.Application(middlewares=[outermost, admitted, in_time, refusals])
    app[METRICS] = metrics

    of_rows = (OwedCalls(admin), SessionCalls(admin), CacheCalls(admin), KeyCalls(admin, admin.audit_book))
    for each in (ServerCalls(admin, link), *of_rows, ProbeControl(probes)):
        app.router.add_routes(each.routes())
    return app


class ServerCalls(Struct, frozen=True):
    """Asks the service about the server as a whole, and steers it."""

    admin: Admin
    link: MakeLink | None
    """None if the console is switched off."""

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [
            web.get("/status", self.status),
            web.get("/audit", self.audit),
            web.post("/drain", self.drain),
            web.post("/console", self.console),
        ]

    async def status(self, _: web.Request) -> web.Response:
        """Tell how the server is."""
        return ok(await self.admin.status())

    async def audit(self, request: web.Request) -> web.Response:
        """Tell what was done."""
        wanted = converted(dict(request.query), AuditPage)
        return ok(await self.admin.audit(before=wanted.before, limit=wanted.limit))

    async def drain(self, request: web.Request) -> web.Response:
        """Begin to empty the server."""
        wanted = converted(await body_of(request) or {}, Drain)
        return ok(await self.admin.drain(await actor_of(request), close_sessions=wanted.close_sessions))

    async def console(self, request: web.Request) -> web.Response:
        """Make a link into the console, for whoever asks. Raises `ApiError` if it is switched off."""
        if self.link is None:
            raise ApiError(HTTPStatus.CONFLICT, "console_off", "The console is switched off: set console.enabled, and restart.")
        return ok(self.link((await actor_of(request)).who))


@web.middleware
async def in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each call its time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await handler(request)
    except TimeoutError:
        message = f"Not done within {PATIENCE:g} seconds; it may still be."
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "timeout", message) from None


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the service refuses."""
    try:
        return await handler(request)
    except tuple(REFUSALS) as problem:
        status, code = REFUSALS[type(problem)]
        raise ApiError(status, code, str(problem)) from problem
