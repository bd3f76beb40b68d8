"""The session in an author's own handler. The header that initialize returned names it: these calls have no other name for it."""

from collections.abc import Collection, Iterator, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog.contextvars import bind_contextvars

from connector.api.end_system_errors import as_api_error
from connector.api.http_errors import Unauthorized, Unavailable
from connector.model.errors import ConfigurationError, LedgerUnavailable, UnknownSession
from connector.sessions.seal import HEADER
from connector.sessions.session import Session, SessionsInUse
from connector.telemetry.logs import session_digest

OWN_CALLS = ("/initialize", "/cleanup", "/discover", "/probe")
"""Paths that the connector serves itself, below each base path."""
AT_THE_ROOT = ("/health/live", "/health/ready", "/openapi.json")
"""Paths that the connector serves itself, whatever the base paths are."""
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
            raise Unavailable("The ledger does not work for now.", code="ledger_unavailable") from None

    return find_session


async def _answered(request: web.Request, handler: Handler, in_use: SessionsInUse) -> web.StreamResponse:
    """Call a handler. A failure of the end system that escapes it becomes the error that OpsHub understands."""
    try:
        return _whole(request, await handler(request))
    except Exception as problem:
        error = as_api_error(problem, login_is_new=in_use.has_logged_in_just_now(request[SESSION]))
        if error is None:
            raise
        bind_contextvars(reason=error.code)
        raise error from None


def _whole(request: web.Request, answer: object) -> web.StreamResponse:
    """Return what a handler has returned. Raises `TypeError` if that is no answer."""
    if isinstance(answer, web.StreamResponse):
        return answer
    handler = request.match_info.handler
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    remedy = "is a `return` missing?" if answer is None else "`aiohttp.web.json_response(...)` makes one"
    raise TypeError(f"the handler {name} returned {type(answer).__name__}; expected an aiohttp.web.Response: {remedy}")


def added_routes(app: web.Application, routes: Collection[web.RouteDef], bases: Sequence[str]) -> Iterator[web.AbstractRoute]:
    """Serve an author's routes under each base path, and yield what was added. The first one keeps the route's name.

    Raises:
        ConfigurationError: a route would take the place of one of the connector's own calls.
    """
    if problems := [*_shadows(routes, bases)]:
        raise ConfigurationError(problems)
    for number, base in enumerate(bases):
        for route in routes:
            options = {key: value for key, value in route.kwargs.items() if key != "name" or number == 0}
            yield from web.route(route.method, base + route.path, route.handler, **options).register(app.router)


def _shadows(routes: Collection[web.RouteDef], bases: Sequence[str]) -> Iterator[str]:
    """Find the routes that would be called in the place of the connector's own calls, or these in theirs.

    aiohttp prefers the longer fixed path, and the first of two that are alike.
    """
    own = [base + call for base in bases for call in OWN_CALLS]
    for route in routes:
        served = [f"{base}{route.path}/" for base in bases]
        if any(path.startswith(f"{call}/") for path in served for call in own):
            text = "would take the place of a call that the connector serves itself; give it another path"
            yield f"routes: {route.method} {route.path} {text}; what else a cleanup has to do is a hook"
        elif any(base + route.path in AT_THE_ROOT for base in bases):
            text = "would never be called, because the connector answers at this path itself; give it another one"
            yield f"routes: {route.method} {route.path} {text}"
