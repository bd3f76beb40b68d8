"""Our own answer to requests that aiohttp cannot parse. The one module that reaches into aiohttp's internals.

Left to itself, aiohttp answers a malformed request before any middleware runs, with the start of the offending line in the body,
and logs it with a traceback: a credential in an over-long header leaks twice. There is no public hook for it. So this module
derives from `RequestHandler`, one connection of the server (pinned below 3.15; `tests/api/test_parser.py` fails when it moves):

* `handle_error`: the answer to what the parser rejected, here a constant; counted instead of logged.
* `log_exception`: where aiohttp logs what broke outside a handler; the text of a parser's exception quotes the request.
* `data_received`, with `_request_count`, `_messages`, `_ErrInfo` and `_current_request`: a body that turns out to be malformed
  leaves its reader waiting for the rest (only the pure Python parser tells him); he is told here.
* `BaseRunner._make_server` and `Server.__call__`, with `_loop` and `_kwargs`: how such connections are made.

The rest is public: limits, no access log, bodies left compressed (nobody reads them, and a small one may unpack to a large one).
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from connector.api.errors import ErrorShapes, expectation_failed, internal_error, malformed
from connector.api.metrics import METRICS
from connector.api.rejections import Rejections
from connector.config.settings import Server

log = structlog.get_logger(__name__)

BROKEN_BODY = (web.RequestPayloadError, HttpProcessingError, ConnectionError)
"""What reading a body raises when it is malformed, or its sender has gone."""
CONTINUE = "100-continue"
"""The one expectation that exists."""
NAME_ROOM = 256
"""Bytes of a header line besides the value, for the parser's limit is about both."""
IDLE = 75.0
"""Seconds until a connection is closed on which no request has arrived completely: idle ones, and heads that trickle in."""
LINGERING = 2.0
"""Seconds for which a body that nobody wants is read on, so that the sender sees the answer before the connection closes."""
LAST_ANSWERS = 2.0
"""Seconds for the connections to end at shutdown, when the cleanups have been waited for already."""


def guarded_runner(app: web.Application, server: Server, *, idle: float = IDLE) -> web.AppRunner:
    """Return the runner to serve `app` with; what is rejected is counted in `app[METRICS]`."""
    return _Runner(app, server, idle)


class _Runner(web.AppRunner):
    __slots__ = ("_idle", "_rejections", "_settings")

    def __init__(self, app: web.Application, settings: Server, idle: float) -> None:
        super().__init__(app, shutdown_timeout=LAST_ANSWERS)
        self._settings = settings
        self._idle = idle
        self._rejections = Rejections(observe=app[METRICS].observe_rejection)

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        longest = self._settings.limits.header + NAME_ROOM
        return _Server(
            plain.request_handler,
            request_factory=plain.request_factory,
            shapes=ErrorShapes(self._settings.base_paths, self._settings.mbse_base_paths),
            rejections=self._rejections,
            max_field_size=longest,
            max_line_size=longest,  # the pure Python parser holds an unfinished header against this one
            keepalive_timeout=self._idle,
            lingering_time=LINGERING,
            auto_decompress=False,
            access_log=None,
        )

    async def cleanup(self) -> None:
        await super().cleanup()
        self._rejections.tell()


class _Server(web.Server):
    def __init__(
        self,
        handler: Callable[[Any], Awaitable[web.StreamResponse]],
        *,
        request_factory: Any,
        shapes: ErrorShapes,
        rejections: Rejections,
        **options: Any,
    ) -> None:
        super().__init__(self._handle, request_factory=request_factory, **options)
        self.shapes = shapes
        self.rejections = rejections
        self._application = handler

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # aiohttp looks at this header before any middleware runs, and quotes it in its answer.
        if request.headers.get(hdrs.EXPECT, CONTINUE).lower() != CONTINUE:
            self.rejections.count("ExpectationFailed")
            return self.shapes.render(expectation_failed(), request.rel_url.raw_path)
        return await self._application(request)


class _Connection(RequestHandler):
    __slots__ = ("_head", "_server")

    def __init__(self, server: _Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._head = b""

    def data_received(self, data: bytes) -> None:
        """Parse, and remember the beginning of a request that has not arrived completely."""
        requests = self._request_count
        self._head = self._head or bytes(data[:512])
        try:
            super().data_received(data)
        except ValueError as problem:  # the pure Python parser, of a Content-Length with thousands of digits
            self._server.rejections.count(type(problem).__name__)
            self.force_close()
        if self._messages and isinstance(verdict := self._messages[-1][0], _ErrInfo):
            verdict.exc.__traceback__ = None  # its frames hold the verdict: they would hold each other, and what was sent
            self._tell_reader()
        elif self._request_count > requests:
            self._head = b""

    def _tell_reader(self) -> None:
        reading = self._current_request
        if reading is not None and not reading.content.is_eof():
            reading.content.set_exception(web.RequestPayloadError())

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what no handler could. `message` is left out, for it quotes the request."""
        del message
        self.log_exception("a request broke outside its handler", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        rejected = status == HTTPStatus.BAD_REQUEST
        path = self._path() if rejected else request.rel_url.raw_path
        answer = self._server.shapes.render(malformed() if rejected else internal_error(), path)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Count what is a malformed request, log what is a defect."""
        problem = options.get("exc_info")
        if isinstance(problem, BROKEN_BODY):
            self._server.rejections.count(type(problem).__name__)
        else:
            log.error(args[0], exc_info=problem)

    def _path(self) -> str:
        """Return the path of a request that was rejected, as far as it can be known."""
        words = self._head.split(b" ", 2)
        return words[1].decode("latin-1") if len(words) == 3 else ""
