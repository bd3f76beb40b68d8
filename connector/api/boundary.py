"""The outermost middleware: it turns whatever happens inside into an answer and one line in the log."""

import logging
import time
from collections.abc import Mapping
from typing import Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from connector.api.http_errors import ApiError, body_too_large, internal_error, method_not_allowed, not_found
from connector.api.rendering import ErrorAnswer, ErrorShapes
from connector.telemetry.logs import REQUEST, tell
from drivers.cancellation import cancelled_only_if_asked

log = structlog.get_logger(__name__)


KNOWN = (ApiError, web.HTTPNotFound, web.HTTPMethodNotAllowed, web.HTTPRequestEntityTooLarge)
"""What has an answer of its own. The last one comes from a handler that reads the body with aiohttp's own means."""


class Count(Protocol):
    """Counts a request by the status of its answer."""

    def __call__(self, status: int) -> None:
        """Count one."""


COUNT: web.RequestKey[Count] = web.RequestKey("count", Count)
"""A handler says here how its request is counted. So what counts is the answer that was sent, wherever it was made."""

WORDS: web.RequestKey[Mapping[str, object]] = web.RequestKey("words", Mapping)
"""A handler says here what stands in its request's line only. It is quicker than structlog's context variables."""


def boundary(shapes: ErrorShapes, level: int = logging.INFO) -> Middleware:
    """Return the middleware. What a handler binds to structlog's context variables stands in its request's line, and `WORDS`.

    `level` is that of a request's line in the log. An answer of 500 and above is a warning.
    """

    def refused(answer: ErrorAnswer, request: web.Request) -> web.Response:
        note_reason(answer)
        return shapes.render(answer, request.rel_url.raw_path)

    @web.middleware
    async def answer_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        try:
            with cancelled_only_if_asked:
                response = await handler(request)
        except KNOWN as problem:
            response = refused(_answer_to(problem), request)
        except Exception:
            log.exception("unhandled exception: the request is answered 500", route=route_of(request))
            response = refused(internal_error(), request)
        _log_line(request, response.status, started, logging.WARNING if response.status >= 500 else level)
        if count := request.get(COUNT):
            count(response.status)
        return response

    return answer_and_log


def _answer_to(problem: ApiError | web.HTTPException) -> ErrorAnswer:
    """Return the answer to what a handler has raised, one of `KNOWN`."""
    if isinstance(problem, ApiError):
        return problem.answer
    problem.__traceback__ = None  # the request holds it: they would hold each other
    match problem:
        case web.HTTPMethodNotAllowed():
            return method_not_allowed(problem.allowed_methods)
        case web.HTTPRequestEntityTooLarge():
            return body_too_large().answer
        case _:
            return not_found().answer


def note_reason(answer: ErrorAnswer) -> None:
    """Let the request's line in the log say why the request was refused."""
    if answer.status < 500:
        structlog.contextvars.bind_contextvars(reason=answer.code)


def _log_line(request: web.Request, status: int, started: float, level: int) -> None:
    tell(
        __name__,
        level,
        REQUEST,
        status=status,
        method=request.method if request.method in hdrs.METH_ALL else "other",
        route=route_of(request),
        milliseconds=round((time.monotonic() - started) * 1000),
        **request.get(WORDS, {}),
    )


def route_of(request: web.Request) -> str:
    """Return the template of the request's path; the path itself may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
