"""An address that can be moved to another server, as a fail-over does it: connections that are there stay where they are."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from tests.ports import HOST

RESET = struct.pack("ii", 1, 0)
"""As `SO_LINGER`: to close is to reset."""


class Address:
    """Leads new connections to `target`, a port. It works in threads of its own, so that it shares no event loop with a test."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.made: list[int] = []
        """Where the connections that were made have been led."""
        self._led: list[_Led] = []
        self._leading = Lock()
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def reset_all(self) -> None:
        """Break off all connections with a reset, as firewalls and proxies do to those that they have forgotten."""
        with self._leading:  # one that is being led has its answers before it is in the list
            while self._led:
                self._led.pop().reset()

    def close(self) -> None:
        """Break everything off, and lead nobody any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self.reset_all()

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._listening.accept()
                with self._leading:
                    self._lead(client)

    def _lead(self, client: socket.socket) -> None:
        self.made.append(self.target)
        try:
            server = socket.create_connection((HOST, self.target))
        except OSError:
            client.close()
        else:
            self._led.append(_Led(client, server))


class _Led:
    """A connection from a client to a server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets = client, server
        self._is_reset = False
        self._threads = [Thread(target=self._pump, args=pair) for pair in ((client, server), (server, client))]
        for thread in self._threads:
            thread.start()

    def reset(self) -> None:
        """Have it end with a reset for the client, unless it has ended."""
        self._is_reset = True
        with suppress(OSError):
            self._sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._end()
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _pump(self, source: socket.socket, drain: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                drain.sendall(data)
        self._end()

    def _end(self) -> None:
        client, server = self._sockets
        for_client = socket.SHUT_RD if self._is_reset else socket.SHUT_RDWR  # it is told of an end, and not of a reset
        for each, how in ((client, for_client), (server, socket.SHUT_RDWR)):
            with suppress(OSError):
                each.shutdown(how)


@contextmanager
def address(target: int) -> Iterator[Address]:
    """Give an address that leads to this port, until it is moved."""
    moving = Address(target)
    try:
        yield moving
    finally:
        moving.close()
