"""The log: one line per event on standard error, for a person or for a collector. Values of requests have no place in it."""

import asyncio
import logging
import secrets
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from connector.config.settings import LogsSection
from connector.model.cleanup import CleanupReport
from connector.model.moments import utc
from connector.runtime.outlet import outlet_of

REQUEST = "request"
"""The event of the line that each request has."""
_DIGEST_KEY = secrets.token_bytes(16)
_NAMES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}


def configure_logs(settings: LogsSection, stream: TextIO | None = None) -> None:
    """Log to `stream`, by default standard error. Lines of libraries, through Python's `logging`, go there as well.

    A traceback shows code, never the values of variables: those may hold credentials.
    """
    stream = stream or sys.stderr
    level, libraries = (logging.getLevelNamesMapping()[name.upper()] for name in (settings.level, settings.libraries))
    wrapper_class = structlog.make_filtering_bound_logger(level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *(_json() if settings.format == "json" else _console(stream)),
        ],
        wrapper_class=wrapper_class,
        logger_factory=_Lines(_writing_to(stream), level, wrapper_class),
    )
    logging.basicConfig(handlers=[_Forwarder()], level=max(level, libraries), force=True)
    # Warnings of libraries go to standard error by themselves, past the outlet and its bound.
    logging.captureWarnings(capture=True)


def tell(logger: str, level: int, event: str, **values: object) -> None:
    """Log what `structlog.get_logger(logger).log` would log, in a third of the time, because each request has such a line."""
    config = structlog.get_config()
    lines = config["logger_factory"]
    if not (isinstance(lines, _Lines) and config["wrapper_class"] is lines.wrapper_class):  # an author has configured another log
        structlog.get_logger(logger).log(level, event, **values)
    elif level >= lines.level:
        line: Any = {**values, "event": event}
        try:
            for processor in config["processors"]:
                line = processor(lines, _NAMES[level], line)
        except structlog.DropEvent:
            return
        lines.msg(line)


def session_digest(session_id: str) -> str:
    """Return what stands for a session in the log: constant while this process runs, and irreversible."""
    # Keyed: without the key, a known session id could be looked for in a log.
    return blake2b(session_id.encode(), key=_DIGEST_KEY, digest_size=4).hexdigest()


def words_of(report: CleanupReport) -> dict[str, object]:
    """Return what became of each step of a cleanup, as its line in the log says it."""
    evictions = {name: step.outcome.result.value for name, step in report.evictions.items()}
    hooks = {name: step.outcome.result.value for name, step in report.hooks.items()}
    words: dict[str, object] = {"logout": report.logout.outcome.result.value, "eviction": evictions}
    return words | ({"hooks": hooks} if hooks else {})


def _json() -> list[Processor]:
    return [_to_the_microsecond(), structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _console(stream: TextIO) -> list[Processor]:
    if not stream.isatty():
        return [_ToTheSecond(), structlog.processors.format_exc_info, _plain_line]
    # If rich is installed, structlog prints tracebacks with all local variables by default: credentials would show.
    return [_to_the_microsecond(), structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _to_the_microsecond() -> Processor:
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


class _ToTheSecond:
    """Adds the moment of a line. Its text is made once a second, because a busy server logs thousands of lines meanwhile."""

    def __init__(self) -> None:
        self._known = 0, ""

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Add it, as text."""
        now = int(time.time())
        second, text = self._known
        if second != now:
            text = utc(now)
            self._known = now, text
        event["timestamp"] = text
        return event


def _plain_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render a line for a person, without colours: what happened comes first, and a request fits 120 columns.

    `ConsoleRenderer` would be slow, and there is a line for each request.
    """
    moment, level, what, traceback = event.pop("timestamp"), event.pop("level"), event.pop("event"), event.pop("exception", None)
    if what == REQUEST:
        what = f"{event.pop('status')} {event.pop('method')} {event.pop('route')} {event.pop('milliseconds')} ms"
    words = [f" {name}={_shown(event[name])}" for name in sorted(event)]
    line = f"{moment} {level} {what if what.isprintable() else repr(what)}{''.join(words)}"
    return f"{line}\n{traceback}" if traceback else line


def _shown(value: object) -> str:
    """Return the value as one word, or as the literal that it is. A word that all parts have stands alone, a number does not."""
    if isinstance(value, dict) and value:
        first, *others = {*value.values()}
        alone = isinstance(first, str) and not others
        value = first if alone else ",".join(f"{name}:{word}" for name, word in value.items())
    text = value if isinstance(value, str) else str(value)
    return text if text.isprintable() and " " not in text else repr(value)


def _writing_to(stream: TextIO) -> Callable[[str], None]:
    """Return what writes lines. A log without a reader, or on a full disk, loses lines and stops no cleanup."""
    # Standard streams are written by a thread, so that a full pipe cannot stop the event loop.
    outlet = outlet_of(stream)
    if outlet is not None:
        encoding = stream.encoding
        return lambda lines: outlet.put(lines.encode(encoding, "backslashreplace"))

    def write(lines: str) -> None:
        with suppress(OSError):
            stream.write(lines)
            stream.flush()

    return write


class _Lines:
    """A logger that writes the lines of one turn of the event loop together; outside a loop, each line at once."""

    def __init__(self, write: Callable[[str], None], level: int, wrapper_class: type) -> None:
        self.level = level
        self.wrapper_class = wrapper_class
        self._write_lines = write
        self._lines: deque[str] = deque()
        self._to_be_written_by: asyncio.AbstractEventLoop | None = None

    def __call__(self, *_: object) -> "_Lines":
        """Be the logger of everybody."""
        return self

    def msg(self, line: str) -> None:
        """Write a line, by the end of this turn."""
        self._lines.append(f"{line}\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write()
        else:
            # One write for all lines of a turn: at full load, that is one for many requests.
            if self._to_be_written_by is not loop:
                self._to_be_written_by = loop
                loop.call_soon(self._write)

    debug = info = warning = error = critical = msg

    def _write(self) -> None:
        self._to_be_written_by = None
        lines = []
        with suppress(IndexError):  # another thread may take, or add, some meanwhile
            while True:
                lines.append(self._lines.popleft())
        self._write_lines("".join(lines))


class _Forwarder(logging.Handler):
    """Carries the records of the standard library's loggers into structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
