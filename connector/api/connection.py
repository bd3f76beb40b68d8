"""One connection of the server: what aiohttp's parser rejects, and what is sent beyond all bounds.

Left to itself, aiohttp answers a malformed request before any middleware runs, with the start of the offending line in the body,
and logs it with a traceback: a credential in an over-long header leaks twice. It goes on to read, and to keep, whatever comes
after it, and knows no bound on a head as a whole. There is no public hook for any of it. So this module reaches into its
internals (pinned below 3.15; `tests/api/test_parser.py` fails when they move):

* `handle_error`: the answer to what the parser rejected, here a constant; counted instead of logged.
* `log_exception`: where aiohttp logs what broke outside a handler; the text of a parser's exception quotes the request.
* `data_received`, with `_request_count`, `_messages`, `_ErrInfo`, `_waiter`, `_upgraded`, `_payload_parser`, `_message_tail`,
  `_close`, `_force_close` and `_pause_reading_for_buffer`: what has come, what of it waits for its turn, what the parser says.
* `_current_request`: a body that turns out to be malformed leaves its reader waiting for the rest (only the pure Python parser
  tells him); he is told here.
* `finish_response`: an answer to a request for another protocol ends the connection, for what came behind it is dropped. So does
  every answer once the server drains.
* `_waiter` and `_task_handler`: whether a request is under way at the end of the server, and what ends with its answer.
"""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, cast

import structlog
from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import _ErrInfo

from connector.api.http_errors import head_too_large, internal_error, malformed
from connector.api.lingering import Lingering
from connector.api.rendering import ErrorAnswer
from connector.api.unread import Guard

log = structlog.get_logger(__name__)

TLS = b"\x16\x03"
"""The first bytes of a client that takes the port for HTTPS."""
BROKEN_BODY = (web.RequestPayloadError, HttpProcessingError, ConnectionError)
"""What reading a body raises when it is malformed, or its sender has gone."""


MOST_WAITING = 1
"""Requests of a connection that may wait before it is read no further.

A client sends its next request as soon as it has an answer, often before the task of its connection waits for one. To stop and
start reading for that would cost two system calls at every other request under load.
"""


class HeadTooLarge(HttpProcessingError):
    """The head of a request is larger than `server.limits.head_total`, finished or not."""


class Connection(Lingering):
    """Stops reading once the parser has rejected something, or another request is under way."""

    __slots__ = ("_body", "_head", "_judged", "_speaks_tls", "_unfinished", "address")

    def __init__(self, server: web.Server, guard: Guard, **options: Any) -> None:
        super().__init__(server, guard, **options)
        self.address = ""
        self._head = b""
        """The beginning of a request that has not arrived completely."""
        self._unfinished = 0
        """Bytes of it."""
        self._body: Any = EMPTY_PAYLOAD
        """That of the last request."""
        self._judged = False
        self._speaks_tls = False

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: to send a request or the rest of one, or to read an answer."""
        current = self._current_request
        return self._paused or self.lingers or (not self._messages if current is None else not current.content.is_eof())

    def give_way(self) -> None:
        """Close at once, to make room for a new connection."""
        self.break_off("GaveWay")

    def ending(self) -> asyncio.Task[None] | None:
        """Close if no request is under way. Otherwise return the task that ends with the last answer of a server that drains."""
        if self._waiter is not None and not self._waiter.done():
            self.force_close()
            return None
        return self._task_handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, if there is room for one more."""
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        if self._guard.connections.admit(self):
            super().connection_made(transport)
        else:
            self._refuse(cast("asyncio.Transport", transport))

    def _refuse(self, link: asyncio.Transport) -> None:
        self._guard.endings.count("NoRoom")
        link.write(self._guard.no_room)
        link.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room."""
        self._guard.connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the parser has given its verdict, or the protocol is to change: what comes after that is dropped."""
        if self._payload_parser is not None:  # of a handler that has accepted another protocol
            super().data_received(data)
            return
        if self._judged or self._upgraded or self._close or self._force_close:
            self._drop(data)
            return
        known = self._request_count
        if known == 0 and not self._head and data.startswith(TLS):
            self._speaks_tls = True
            self._guard.rejections.count("TlsHandshake")
        unfinished = self._unfinished + len(data) if self._body.is_eof() else 0
        self._head = self._head or bytes(data[:512])
        try:
            super().data_received(data)
        except ValueError as problem:  # the pure Python parser, of a Content-Length with thousands of digits
            self._guard.rejections.count(type(problem).__name__)
            self.force_close()
        came = self._request_count - known
        self._unfinished = 0 if came else unfinished
        if unfinished > self._guard.largest_head:
            self._measure(came)
        if self._messages:
            self._look_at_the_last()

    def _measure(self, came: int) -> None:
        """Reject the first head that is too large: of those that have just come, or the one that is still coming."""
        new = [self._messages[-place][0] for place in range(came, 0, -1)]
        large = next((place for place, message in enumerate(new) if _size_of(message) > self._guard.largest_head), None)
        if came and large is None:
            return
        for _ in new[large:]:
            self._messages.pop()
        self._messages.append((_ErrInfo(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HeadTooLarge(), ""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _look_at_the_last(self) -> None:
        """Read no further while other requests wait for their turn, or if nothing more is wanted."""
        last, self._body = self._messages[-1]
        if isinstance(last, _ErrInfo):
            self._judged = True
            last.exc.__traceback__ = None  # its frames hold it: they would hold each other, and what was sent
            self._tell_reader()
        else:
            self._head = b""
            self._guard.connections.used(self)
        self._message_tail = b""
        busy = self._waiter is None and len(self._messages) > MOST_WAITING
        if (busy or self._upgraded) and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _tell_reader(self) -> None:
        reading = self._current_request
        if reading is not None and not reading.content.is_eof():
            reading.content.set_exception(web.RequestPayloadError())

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Answer. A request for another protocol that nobody has accepted is the last one of its connection.

        So is every request once the server is to end, so that its client goes elsewhere with the next one.
        """
        is_last = self._guard.lifecycle.draining or (self._upgraded and self._payload_parser is None)
        if is_last and not self._messages:
            resp.force_close()
        if self._judged and not self._messages:
            return self._finish_last(super().finish_response(request, resp, start_time))
        return super().finish_response(request, resp, start_time)

    async def _finish_last(
        self, finishing: Coroutine[Any, Any, tuple[web.StreamResponse, bool]]
    ) -> tuple[web.StreamResponse, bool]:
        """Answer what was rejected, which its client may still be sending."""
        finished = await finishing
        self._linger()
        return finished

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what no handler could. `message` is left out because it quotes the request."""
        del message
        self.log_exception("unhandled exception outside a handler: the request is answered 500", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        verdict = _verdict(status)
        answer = self._guard.shapes.render(verdict or internal_error(), self._path() if verdict else request.rel_url.raw_path)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Count what is a malformed request, log what is a defect."""
        problem = options.get("exc_info")
        if isinstance(problem, BROKEN_BODY):
            if not self._speaks_tls:  # that is counted already
                self._guard.rejections.count(type(problem).__name__)
        else:
            log.error(args[0], exc_info=problem)

    def _path(self) -> str:
        """Return the path of a request that was rejected, as far as it can be known."""
        words = self._head.split(b" ", 2)
        return words[1].decode("latin-1") if len(words) == 3 else ""


def _size_of(message: Any) -> int:
    """Return the bytes of a head, as it is usually written; none of what was rejected already."""
    if isinstance(message, _ErrInfo):
        return 0
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in message.raw_headers)
    return len(f"{message.method} {message.path} HTTP/1.1\r\n\r\n") + headers


def _verdict(status: int) -> ErrorAnswer | None:
    """Return the answer to what was rejected with this status; None if it is a defect of ours."""
    match status:
        case HTTPStatus.BAD_REQUEST:
            return malformed()
        case HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return head_too_large()
    return None
