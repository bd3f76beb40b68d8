"""An answer to `session.http`, and its errors: nobody can overlook one."""

from datetime import UTC, datetime
from json import JSONDecodeError
from types import TracebackType
from typing import Any, cast

import aiohttp

from connector.endsystems.http.response import Response
from connector.model.errors import OfOneSession

UNPACKED_LIMIT = 64 * 1024 * 1024
"""Bytes of a packed answer that are unpacked into memory at once. Nobody packs as much, except to exhaust it."""
PIECE = 256 * 1024


class ErrorStatus(aiohttp.ClientResponseError):
    """The end system has answered a handler with a status of 400 or above."""

    def __str__(self) -> str:
        """Say the status without the URL, which may hold a secret."""
        return f"the end system answered {self.status}"

    @property
    def retry_after(self) -> float | None:
        """Seconds that the end system asks to wait; None if it asks for nothing that can be read."""
        return Response(self.status, [*(self.headers or {}).items()], b"").retry_after(datetime.now(UTC))


class LoginNotAccepted(ErrorStatus, OfOneSession):
    """The end system has answered a handler with 401."""


class UnpackedAnswerTooLarge(aiohttp.ClientPayloadError):
    """A packed answer holds more than `UNPACKED_LIMIT`."""


class AnswerNotJson(aiohttp.ClientError, JSONDecodeError):
    """The answer says that it is JSON, and is not. It holds nothing of the body."""

    def __init__(self) -> None:
        JSONDecodeError.__init__(self, "the end system's answer is not JSON", "", 0)


class EndSystemAnswer(aiohttp.ClientResponse):
    """An answer of the end system.

    To read the body of an error, or to leave its context, raises `ErrorStatus` unless somebody has looked at the status before:
    `status`, `ok` and `raise_for_status` count. So a handler that thinks of no error passes none on as a success.
    """

    _content = cast("aiohttp.StreamReader", None)  # as with aiohttp, until there is an answer
    _status = 0
    _looked_at = True
    """Not until the answer is the author's: aiohttp itself looks at it, too."""

    @property
    def status(self) -> int:
        """The status. From now on it is the handler's to deal with."""
        self._looked_at = True
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        self._status = status

    @property
    def content(self) -> aiohttp.StreamReader:
        """The body, to be read in pieces. Raises `ErrorStatus`."""
        self._raise_unless_looked_at()
        return self._content

    @content.setter
    def content(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def hand_over(self) -> None:
        """Note that nobody but aiohttp has looked at the status."""
        self._looked_at = False

    def raise_for_status(self) -> None:
        """Raise `ErrorStatus` if the answer is an error."""
        try:
            super().raise_for_status()
        except aiohttp.ClientResponseError as problem:
            kind = LoginNotAccepted if problem.status == 401 else ErrorStatus
            raise kind(
                problem.request_info, problem.history, status=problem.status, message=problem.message, headers=problem.headers
            ) from None

    async def read(self) -> bytes:
        """Return the whole body. Raises `ErrorStatus`, and `UnpackedAnswerTooLarge`."""
        self._raise_unless_looked_at()
        if self._body is None and "Content-Encoding" in self.headers:
            self._body = await self._bounded()
        return await super().read()

    async def json(self, **options: Any) -> Any:
        """Return the body, read as JSON. Raises `ErrorStatus`, `aiohttp.ContentTypeError`, and `AnswerNotJson`."""
        try:
            return await super().json(**options)
        except (JSONDecodeError, UnicodeDecodeError):
            raise AnswerNotJson from None

    async def _bounded(self) -> bytes:
        unpacked = bytearray()
        while piece := await self.content.read(PIECE):
            unpacked += piece
            if len(unpacked) > UNPACKED_LIMIT:
                self.close()
                megabytes = UNPACKED_LIMIT // 2**20
                raise UnpackedAnswerTooLarge(f"the answer is over {megabytes} MiB unpacked; read its `content` in pieces")
        return bytes(unpacked)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await super().__aexit__(kind, error, trace)
        if error is None:
            self._raise_unless_looked_at()

    def _notify_content(self) -> None:
        looked_at, self._looked_at = self._looked_at, True  # aiohttp takes `content` to let go of it
        super()._notify_content()
        self._looked_at = looked_at

    def _raise_unless_looked_at(self) -> None:
        if not self._looked_at:
            self.raise_for_status()
