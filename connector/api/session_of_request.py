"""The session in an author's own handler. The header that initialize returned names it: these calls have no other name for it."""

from collections.abc import Collection, Iterable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog.contextvars import bind_contextvars

from connector.api.end_system_errors import as_api_error
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
                return await _answered(request, handler, in_use)
        except UnknownSession:
            raise Unauthorized("The session is not open.", code="unknown_session") from None
        except LedgerUnavailable:
            raise Unavailable("The ledger cannot be read for now.", code="ledger_unavailable") from None

    return find_session


async def _answered(request: web.Request, handler: Handler, in_use: SessionsInUse) -> web.StreamResponse:
    """Call a handler. A failure of the end system that escapes it becomes the error that OpsHub understands."""
    try:
        return await handler(request)
    except Exception as problem:
        error = as_api_error(problem, login_is_new=in_use.has_logged_in_just_now(request[SESSION]))
        if error is None:
            raise
        bind_contextvars(reason=error.code)
        raise error from None


def added_routes(app: web.Application, routes: Iterable[web.RouteDef], bases: Iterable[str]) -> Iterator[web.AbstractRoute]:
    """Serve an author's routes under each base path, and yield what was added. The first one keeps the route's name."""
    for number, base in enumerate(bases):
        for route in routes:
            options = {key: value for key, value in route.kwargs.items() if key != "name" or number == 0}
            yield from web.route(route.method, base + route.path, route.handler, **options).register(app.router)
