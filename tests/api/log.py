"""The log as a test reads it."""

import asyncio
import errno
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from connector.config.settings import LogsSection
from connector.telemetry.logs import configure_logs


class Log(io.StringIO):
    """A stream that knows when something was written to it, and takes nothing while its disk is full."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()
        self.full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.written.set()
        return super().write(text)

    @property
    def text(self) -> str:
        return self.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of a JSON log."""
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def logged(settings: LogsSection) -> Iterator[Log]:
    """Log as `settings` say, to where the test can read it; afterwards all is as before."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    root.handlers.clear()  # those of the test runner would be closed
    log = Log()
    try:
        configure_logs(settings, log)
        yield log
    finally:
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        root.handlers[:] = handlers
        root.setLevel(level)
