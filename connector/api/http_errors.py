"""Answers that are errors, in the two shapes of the SDK; those that a connector's author raises have names.

Each is made when it is raised. One that were raised again and again would hold the frames of every raise, with their requests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from connector.model import retry_after as waiting
from connector.model.errors import ConnectorError, OfOneSession

SERVER = "opshub-connector"
"""The `Server` header. Left to itself, aiohttp tells its own version and Python's."""


class ApiError(ConnectorError):
    """An answer to OpsHub that is an error. Nothing in it may repeat a value of the request."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, detail: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers or {}


class BadRequest(ApiError):
    """400: the call itself is wrong; asking again will not help."""

    def __init__(self, message: str, *, code: str = "bad_request", detail: Any = None) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, code, message, detail=detail)


class LoginRefused(BadRequest):
    """400: the end system wants no login with these settings; code and message are its own words."""


class Unauthorized(ApiError, OfOneSession):
    """401: the session is dead. OpsHub initializes it again, which opens a new login in the end system."""

    def __init__(self, message: str, *, code: str = "unauthorized", detail: Any = None) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, code, message, detail=detail)


class RateLimited(ApiError):
    """403: the end system wants fewer calls. OpsHub waits; it takes no other status for that."""

    def __init__(self, message: str, *, code: str = "rate_limited", detail: Any = None) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, code, message, detail=detail)


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


class _Error(msgspec.Struct, omit_defaults=True):
    code: str
    message: str
    detail: Any = None


@dataclass(frozen=True, slots=True)
class ErrorShapes:
    """Knows which paths want errors as the MBSE variant of the SDK has them, as a list. The longest base path decides."""

    base_paths: Sequence[str]
    mbse_base_paths: Sequence[str]

    def render(self, error: ApiError, path: str) -> web.Response:
        """Return the answer to a request for `path`."""
        body = _body_of(error)
        return json_answer(error.status, {"errors": [body] if self._as_list(path) else body}, error.headers)

    def _as_list(self, path: str) -> bool:
        return _longest_base(path, self.mbse_base_paths) > _longest_base(path, self.base_paths)


def _longest_base(path: str, base_paths: Sequence[str]) -> int:
    return max((len(base) for base in base_paths if f"{path}/".startswith(f"{base}/")), default=-1)


def json_answer(status: HTTPStatus, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer of this server: every one is JSON, and none tells what it is built on."""
    answer_headers = {"Server": SERVER, **(headers or {})}
    return web.Response(status=status, body=_encoded(body), content_type="application/json", headers=answer_headers)


def in_full(error: ApiError) -> bytes:
    """Return an answer that needs no request: the whole of it, in the shape of the SDK, after which the connection is closed."""
    body = _encoded({"errors": _body_of(error)})
    headers = {"Server": SERVER, "Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = (f"{name}: {value}\r\n" for name, value in {**headers, **error.headers}.items())
    return f"HTTP/1.1 {error.status.value} {error.status.phrase}\r\n{''.join(lines)}\r\n".encode() + body


def _body_of(error: ApiError) -> _Error:
    return _Error(error.code, error.message, error.detail)


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(msgspec.to_builtins(body)))


def _whole(value: Any) -> Any:
    """Replace what is no character: an author's class may hand on text that an end system has cut in two."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(name): _whole(item) for name, item in value.items()}
    return value


def body_too_large(limit: int | None = None) -> ApiError:
    """Return the answer to a body over a limit in bytes."""
    message = "The body is too large." if limit is None else f"The body is larger than {limit} bytes."
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


def method_not_allowed(allowed: Iterable[str]) -> ApiError:
    """Return the answer to a known path that was called with another method than those allowed."""
    headers = {"Allow": ", ".join(sorted(allowed))}
    message = "This path is not called with this method."
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message, headers=headers)


def not_found() -> ApiError:
    """Return the answer to a path that is unknown, and to a caller who may not call."""
    return NotFound("There is nothing at this path.")


def unknown_session() -> ApiError:
    """Return the answer to a cleanup whose caller does not own the session."""
    return NotFound("There is no such session for this caller.", code="unknown_session")


def expectation_failed() -> ApiError:
    """Return the answer to a header `Expect` that asks for anything but `100-continue`."""
    message = "The only known expectation is 100-continue."
    return ApiError(HTTPStatus.EXPECTATION_FAILED, "expectation_failed", message)


def malformed() -> ApiError:
    """Return the answer to what the parser rejects."""
    return BadRequest("The request is not valid HTTP, or one of its headers is too long.", code="malformed_request")


def head_too_large() -> ApiError:
    """Return the answer to a head that is larger than `server.limits.head_total`."""
    message = "The headers of the request are too large, all together."
    return ApiError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", message)


def too_many_connections() -> ApiError:
    """Return the answer to a connection for which there is no room."""
    return Unavailable("The server has as many connections as it may have.", code="too_many_connections", retry_after=1)


def internal_error() -> ApiError:
    """Return the answer to a request on which the server has a defect."""
    message = "The server broke on this request; its log has the reason."
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)
