"""The session in an author's own handler. The header that initialize returned names it: these calls have no other name for it."""

from collections.abc import Collection, Iterable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog.contextvars import bind_contextvars

from connector.api.http_errors import Unauthorized, Unavailable
from connector.model.errors import LedgerUnavailable, UnknownSession
from connector.sessions.seal import HEADER
from connector.sessions.session import Session, SessionsInUse
from connector.telemetry.logs import session_digest

SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)


def session(request: web.Request) -> Session:
    """Return the session that this request belongs to; for the routes that were given to `create_app`."""
    return request[SESSION]


def in_sessions(in_use: SessionsInUse, routes: Collection[web.AbstractRoute]) -> Middleware:
    """Return the middleware that gives these routes their session, and answers 401 if there is none."""

    @web.middleware
    async def find_session(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route not in routes:
            return await handler(request)
        try:
            async with in_use.of(request.headers.getall(HEADER, ())) as found:
                bind_contextvars(session=session_digest(found.session_id))
                request[SESSION] = found
                return await handler(request)
        except UnknownSession:
            raise Unauthorized("The session is not open.", code="unknown_session") from None
        except LedgerUnavailable:
            raise Unavailable("The ledger cannot be read for now.", code="ledger_unavailable") from None

    return find_session


def added_routes(app: web.Application, routes: Iterable[web.RouteDef], bases: Iterable[str]) -> Iterator[web.AbstractRoute]:
    """Serve an author's routes under each base path, and yield what was added. The first one keeps the route's name."""
    for number, base in enumerate(bases):
        for route in routes:
            options = {key: value for key, value in route.kwargs.items() if key != "name" or number == 0}
            yield from web.route(route.method, base + route.path, route.handler, **options).register(app.router)
