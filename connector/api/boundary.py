"""The outermost middleware: whatever happens inside becomes an answer and one line in the log."""

import logging
import time
from collections.abc import Callable

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from connector.api.http_errors import (
    ApiError,
    ErrorShapes,
    LoginRefused,
    body_too_large,
    internal_error,
    method_not_allowed,
    not_found,
)
from connector.telemetry.logs import tell
from drivers.cancellation import cancelled_only_if_asked

log = structlog.get_logger(__name__)


def boundary(shapes: ErrorShapes, mounted_at: Callable[[], str] = lambda: "", level: int = logging.INFO) -> Middleware:
    """Return the middleware. What a handler binds to structlog's context variables stands in its request's line.

    `mounted_at` tells what stands in a path before our own, where the application is part of another. `level` is that of a
    request's line in the log, unless its answer is an error of ours, which is a warning.
    """

    def refused(error: ApiError, request: web.Request) -> web.Response:
        _note_reason(error)
        return shapes.render(error, request.rel_url.raw_path.removeprefix(mounted_at()))

    @web.middleware
    async def answer_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        try:
            with cancelled_only_if_asked:
                response = await handler(request)
        except ApiError as error:
            response = refused(error, request)
        except web.HTTPNotFound as problem:
            problem.__traceback__ = None  # the request holds it: they would hold each other
            response = refused(not_found(), request)
        except web.HTTPMethodNotAllowed as problem:
            problem.__traceback__ = None
            response = refused(method_not_allowed(problem.allowed_methods), request)
        except web.HTTPRequestEntityTooLarge as problem:  # a handler has read the body with aiohttp's own means
            problem.__traceback__ = None
            response = refused(body_too_large(), request)
        except Exception:
            log.exception("a request broke", route=_route(request))
            response = refused(internal_error(), request)
        _log_line(request, response.status, started, logging.WARNING if response.status >= 500 else level)
        return response

    return answer_and_log


def _note_reason(error: ApiError) -> None:
    if error.status < 500 and not isinstance(error, LoginRefused):  # its code may be the end system's own text
        structlog.contextvars.bind_contextvars(reason=error.code)


def _log_line(request: web.Request, status: int, started: float, level: int) -> None:
    tell(
        __name__,
        level,
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
