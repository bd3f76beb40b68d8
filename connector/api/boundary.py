"""The outermost middleware: whatever happens inside becomes an answer and one line in the log."""

import time

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from connector.api.errors import INTERNAL_ERROR, NOT_FOUND, ApiError, ErrorShapes, method_not_allowed

log = structlog.get_logger(__name__)


def boundary(shapes: ErrorShapes) -> Middleware:
    """Return the middleware. What a handler binds to structlog's context variables stands in its request's line."""

    @web.middleware
    async def answer_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        try:
            response = await handler(request)
        except ApiError as error:
            response = _refused(error, shapes, request)
        except web.HTTPNotFound:
            response = _refused(NOT_FOUND, shapes, request)
        except web.HTTPMethodNotAllowed as problem:
            response = _refused(method_not_allowed(problem.allowed_methods), shapes, request)
        except Exception:
            log.exception("a request broke", route=_route(request))
            response = shapes.render(INTERNAL_ERROR, request.rel_url.raw_path)
        _log_line(request, response.status, started)
        return response

    return answer_and_log


def _refused(error: ApiError, shapes: ErrorShapes, request: web.Request) -> web.Response:
    if error.status < 500:  # beyond that, the code may be the end system's own text
        structlog.contextvars.bind_contextvars(reason=error.code)
    return shapes.render(error, request.rel_url.raw_path)


def _log_line(request: web.Request, status: int, started: float) -> None:
    write = log.warning if status >= 500 else log.info
    write(
        "request",
        method=request.method if request.method in hdrs.METH_ALL else "other",
        route=_route(request),
        status=status,
        milliseconds=round((time.monotonic() - started) * 1000),
    )


def _route(request: web.Request) -> str:
    """Return the template of the request's path; the path itself may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
