"""The client of the control socket. Besides it, only end systems are connected to."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from connector.model.errors import ConnectorError
from connector.runtime.file_access import why_not
from connector.runtime.socket_names import socket_name

PATIENCE = 30.0
"""Seconds for one answer."""


class ServerDown(ConnectorError):
    """No server listens at the control socket, or it does not answer; the message says which."""


class NotYours(ConnectorError):
    """The control socket is another user's; the message says whose."""


class NothingHere(ConnectorError):
    """No server listens, and there is no ledger to read instead; the message says which paths were tried."""


class Refused(ConnectorError):
    """The server refuses; the message is its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.passing = status == HTTPStatus.SERVICE_UNAVAILABLE
        """Whether trying again later may help."""


class ControlClient:
    """A connection to the running server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._http = _UnixConnection(path)

    def __enter__(self) -> Self:
        """Connect. Raises `ServerDown` or `NotYours`."""
        with self._answering():
            self._http.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Ask for something. Raises `Refused` or `ServerDown`."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}")

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make the server act. Raises `Refused` or `ServerDown`."""
        return self._call("POST", path, json.dumps(body or {}))

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        with self._answering():
            self._http.request(method, path, body)
            response = self._http.getresponse()
            answer = json.loads(response.read())
        if response.status >= 400:
            raise Refused(response.status, answer["errors"]["message"])
        return answer

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, ConnectionRefusedError) as problem:
            raise ServerDown(f"no server listens at {self._path}") from problem
        except PermissionError as problem:
            raise NotYours(f"{self._path}: {why_not(problem, self._path)}") from problem
        except (OSError, HTTPException, ValueError) as problem:
            raise ServerDown(f"the server at {self._path} does not answer: {problem}") from problem


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise FileNotFoundError
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        try:
            self.sock.connect(socket_name(self._path))
        except OSError:
            self.close()
            raise
