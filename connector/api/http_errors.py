"""Errors that OpsHub is answered. Those that a connector's author raises are classes; the server's own are functions.

    ApiError
    ├── BadRequest 400
    ├── Unauthorized 401
    ├── RateLimited 403
    ├── NotFound 404
    ├── Conflict 409
    └── Unavailable 503

Whoever raises one makes it there and then. An exception that is raised again holds the frames of every raise, and their requests.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from connector.api.rendering import ErrorAnswer
from connector.model import retry_after as waiting
from connector.model.errors import ConnectorError, OfOneSession


class ApiError(ConnectorError):
    """Breaks a call off with an error. Nothing in it may repeat a value of the request."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, detail: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers or {}

    @property
    def answer(self) -> ErrorAnswer:
        """What OpsHub is answered."""
        return ErrorAnswer(self.status, self.code, self.message, self.detail, self.headers)


class BadRequest(ApiError):
    """400: the call itself is wrong; asking again will not help."""

    def __init__(self, message: str, *, code: str = "bad_request", detail: Any = None) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, code, message, detail=detail)


class Unauthorized(ApiError, OfOneSession):
    """401: the session is dead. OpsHub initializes it again, which opens a new login in the end system."""

    def __init__(self, message: str, *, code: str = "unauthorized", detail: Any = None) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, code, message, detail=detail)


class RateLimited(ApiError):
    """403: the end system wants fewer calls. OpsHub waits; it takes no other status for that. `retry_after` is in seconds."""

    def __init__(self, message: str, *, code: str = "rate_limited", detail: Any = None, retry_after: float | None = None) -> None:
        headers = None if retry_after is None else waiting.header(retry_after)
        super().__init__(HTTPStatus.FORBIDDEN, code, message, detail=detail, headers=headers)


class NotFound(ApiError):
    """404: the entity, or whatever was asked for, is not there."""

    def __init__(self, message: str, *, code: str = "not_found", detail: Any = None) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, code, message, detail=detail)


class Conflict(ApiError):
    """409: somebody else has changed it meanwhile."""

    def __init__(self, message: str, *, code: str = "conflict", detail: Any = None) -> None:
        super().__init__(HTTPStatus.CONFLICT, code, message, detail=detail)


class Unavailable(ApiError):
    """503: the end system is away, or something that this call needs; `retry_after` is in seconds, an hour at most."""

    def __init__(
        self, message: str, *, code: str = "unavailable", detail: Any = None, retry_after: float = waiting.DEFAULT
    ) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, code, message, detail=detail, headers=waiting.header(retry_after))


def body_too_large(limit: int | None = None) -> ApiError:
    """Return the answer to a body over a limit in bytes."""
    message = "The body is too large." if limit is None else f"The body is larger than {limit} bytes."
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


def method_not_allowed(allowed: Iterable[str]) -> ErrorAnswer:
    """Return the answer to a known path that was called with another method than those allowed."""
    headers = {"Allow": ", ".join(sorted(allowed))}
    message = "This path is not called with this method."
    return ErrorAnswer(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message, headers=headers)


def not_found() -> ApiError:
    """Return the answer to a path that is unknown, and to a caller who may not call."""
    return NotFound("There is nothing at this path.")


def unknown_session() -> ApiError:
    """Return the answer to a cleanup whose caller does not own the session."""
    return NotFound("There is no such session for this caller.", code="unknown_session")


def expectation_failed() -> ErrorAnswer:
    """Return the answer to a header `Expect` that asks for anything but `100-continue`."""
    message = "The only known expectation is 100-continue."
    return ErrorAnswer(HTTPStatus.EXPECTATION_FAILED, "expectation_failed", message)


def malformed() -> ErrorAnswer:
    """Return the answer to a request that the parser rejects."""
    message = "The request is not valid HTTP, or one of its headers is too long."
    return ErrorAnswer(HTTPStatus.BAD_REQUEST, "malformed_request", message)


def head_too_large() -> ErrorAnswer:
    """Return the answer to a head that is larger than `server.limits.head_total`."""
    message = "The headers of the request are too large, all together."
    return ErrorAnswer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", message)


def too_many_connections() -> ErrorAnswer:
    """Return the answer to a connection for which there is no room."""
    return Unavailable("The server has as many connections as it may have.", code="too_many_connections", retry_after=1).answer


def internal_error() -> ErrorAnswer:
    """Return the answer to a request on which the server has a defect."""
    message = "The server failed on this request; its log has the reason."
    return ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)
