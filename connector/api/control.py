"""The calls of the control socket: how the server is, and what is owed, seen and steered by whoever administers it."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars

from connector.admin.owed import Choice, shown_debt, shown_totals, size_of, states_of
from connector.api.body import read_body
from connector.api.boundary import boundary
from connector.api.callers import admitting, no_web_pages
from connector.api.health import HealthCalls
from connector.api.http_errors import ApiError
from connector.api.metrics_endpoint import METRICS
from connector.api.rendering import ErrorShapes, json_answer
from connector.ledger.port import Ledger
from connector.model.errors import DebtHeldBack, LedgerUnavailable, NoSuchDebt
from connector.telemetry.logs import session_digest
from connector.telemetry.metrics import LEDGER_PATIENCE, Metrics
from connector.version import __version__
from connector.workers.holding import Holding
from drivers.threads import in_a_thread

T = TypeVar("T", bound=msgspec.Struct)
log = structlog.get_logger(__name__)

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
    """Shows and steers. `nudge` tells the retries that something may be due."""

    ledger: Ledger
    holding: Holding
    ledger_file: Path
    health: HealthCalls
    metrics_url: str | None
    nudge: Callable[[], None]
    started: float = field(default_factory=time.monotonic)

    async def status(self, _: web.Request) -> web.Response:
        """Tell how the server is, whatever is broken in it."""
        about = {"pid": os.getpid(), "version": __version__, "metrics": self.metrics_url}
        uptime = round(time.monotonic() - self.started, 3)
        return _ok({**await self.health.readiness(), **about, "uptime": uptime, "ledger": await self._ledger()})

    async def listing(self, request: web.Request) -> web.Response:
        """List rows."""
        chosen = _converted(dict(request.query), Chosen)
        rows = await self.ledger.listing(
            states=states_of(chosen.state), system=chosen.system, after=chosen.after, limit=chosen.limit
        )
        return _ok([shown_debt(debt) for debt in rows])

    async def show(self, request: web.Request) -> web.Response:
        """Show one row."""
        return _ok(shown_debt(await self.ledger.debt(_id(request))))

    async def retry(self, request: web.Request) -> web.Response:
        """Make a logout due now."""
        wanted = _converted(await _body(request) or {}, Retry)
        debt = await self.holding.make_due(_id(request), here=wanted.here)
        self.nudge()
        log.info("an administrator has a logout tried again", session=session_digest(debt.session_id))
        return _ok(shown_debt(debt))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Close a logout that nobody will do."""
        dismissal = _converted(await _body(request), Dismissal)
        await self.ledger.dismiss(_id(request), dismissal.reason)
        log.warning("an administrator has dismissed a logout: if its login is still open, it stays open")
        return _ok({"id": _id(request)})

    async def _ledger(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(LEDGER_PATIENCE):
                totals = await self.ledger.statistics()
                held = await self.ledger.held_back()
                due_at = await self.ledger.next_due(time.time())
                size = await in_a_thread("measuring the ledger", partial(size_of, self.ledger_file))
        except (TimeoutError, LedgerUnavailable) as problem:
            return {"unavailable": str(problem) or f"no answer within {LEDGER_PATIENCE:g} s"}
        return shown_totals(totals, held_back=held, next_try_at=due_at, size=size)


def control_app(calls: ControlCalls, metrics: Metrics) -> web.Application:
    """Return the application for the control socket. Who may connect to it may call it: the socket's mode decides.

    Web pages may not, for somebody may have forwarded the socket to a port.
    """
    admitted = admitting((no_web_pages,), metrics.observe_rejection)
    outermost = boundary(ErrorShapes([""], []), level=logging.DEBUG)
    app = web.Application(middlewares=[outermost, admitted, _in_time, _ledger_errors])
    app[METRICS] = metrics
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
    """Return what the body holds; nothing where there is none."""
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
