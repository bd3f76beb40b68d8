"""Answers as bytes: everything is JSON, and an error has one of the two shapes of the SDK."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

SERVER = "opshub-connector"
"""The `Server` header. By default aiohttp sends its own version and Python's."""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """An answer that is an error. Nothing in it repeats a value of the request."""

    status: HTTPStatus
    code: str
    message: str
    detail: Any = None
    headers: Mapping[str, str] = {}


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """What went wrong, in the words of the SDK."""

    code: str
    message: str
    detail: Any = None


class OneError(msgspec.Struct):
    """An error, as the SDK has it."""

    errors: ErrorBody


class ErrorList(msgspec.Struct):
    """An error, as the MBSE variant of the SDK has it."""

    errors: list[ErrorBody]


class ErrorShapes(Struct, frozen=True):
    """Knows which paths want errors as a list, as the MBSE variant of the SDK has them. The longest base path decides."""

    base_paths: Sequence[str]
    mbse_base_paths: Sequence[str]
    mounted_at: Callable[[], str] = lambda: ""
    """What stands in a path before our own, if the application is part of another one."""

    def render(self, answer: ErrorAnswer, path: str) -> web.Response:
        """Return the answer to a request for `path`."""
        body = _body_of(answer)
        shaped = ErrorList([body]) if self.kind(path) is ErrorList else OneError(body)
        return json_answer(answer.status, shaped, answer.headers)

    def kind(self, path: str) -> type[OneError | ErrorList]:
        """Return the shape of an error at `path`."""
        return ErrorList if self._as_list(path.removeprefix(self.mounted_at())) else OneError

    def _as_list(self, path: str) -> bool:
        return _longest_base(path, self.mbse_base_paths) > _longest_base(path, self.base_paths)


def _longest_base(path: str, base_paths: Sequence[str]) -> int:
    return max((len(base) for base in base_paths if f"{path}/".startswith(f"{base}/")), default=-1)


def json_answer(
    status: HTTPStatus,
    body: Any,
    headers: Mapping[str, str] | None = None,
    *,
    kind: Callable[..., web.Response] = web.Response,
) -> web.Response:
    """Return an answer of this server, made by `kind`. It does not tell which software answers."""
    answer_headers = {"Server": SERVER, **(headers or {})}
    return kind(status=status, body=_encoded(body), content_type="application/json", headers=answer_headers)


def in_full(answer: ErrorAnswer) -> bytes:
    """Return the bytes of an answer that needs no request. The connection is closed after it."""
    body = _encoded(OneError(_body_of(answer)))
    headers = {"Server": SERVER, "Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = (f"{name}: {value}\r\n" for name, value in {**headers, **answer.headers}.items())
    return f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n{''.join(lines)}\r\n".encode() + body


def _body_of(answer: ErrorAnswer) -> ErrorBody:
    return ErrorBody(answer.code, answer.message, answer.detail)


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(msgspec.to_builtins(body)))


def _whole(value: Any) -> Any:
    """Replace half characters: an author's class may pass on text that an end system has cut in two."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(name): _whole(item) for name, item in value.items()}
    return value
