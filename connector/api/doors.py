"""The sockets that a server needs. They are bound first, so that an address in use is reported early, by its key."""

import asyncio
import errno
import os
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from aiohttp import web
from msgspec import Struct

from connector.api import unix_socket
from connector.config.settings import Settings
from connector.model.errors import ConfigurationError, RefusedForNow, together
from connector.runtime.open_files import shares


class Doors(Struct, frozen=True):
    """Bound sockets. Those for requests do not listen yet: nobody can connect before the server can answer."""

    server: Sequence[socket.socket]
    """Empty if another application serves."""
    metrics: Sequence[socket.socket]
    """Empty if they are switched off."""
    console: Sequence[socket.socket]
    """Empty if it is switched off."""
    control: socket.socket | None
    """None on a platform that has no such sockets."""


HANDSHAKE = 10.0
"""Seconds for a client's part of a TLS handshake."""
DOORS = web.AppKey("doors", Doors)
"""Those that were opened for an application before it started."""


@contextmanager
def opened_doors(settings: Settings, *, for_calls: bool = True) -> Iterator[Doors]:
    """Bind what is configured, and close it at the end; `for_calls` is false if another application serves the calls.

    Raises:
        ConfigurationError: names the key of every address that cannot be used; `RefusedForNow` if all of them may be before long.
    """
    with ExitStack() as stack:
        problems: list[ConfigurationError] = []
        server = _bound(stack, "server", settings.server.host, settings.server.port, problems) if for_calls else []
        metrics = settings.metrics
        told = _bound(stack, "metrics", metrics.host, metrics.port, problems) if metrics.enabled else []
        shown = settings.console
        console = _bound(stack, "console", shown.host, shown.port, problems) if shown.enabled else []
        control = _control(stack, settings, problems)
        if problems:
            raise together(problems)
        yield Doors(server, told, console, control)


class _Door(web.SockSite):
    """Takes the connections of a socket. aiohttp would give each handshake a minute, and no limit counts them before its end."""

    async def start(self) -> None:
        await web.BaseSite.start(self)
        if (server := self._runner.server) is None:
            raise RuntimeError("the runner was not set up")
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=None if self._ssl_context is None else HANDSHAKE,
        )


async def listen(
    runner: web.AppRunner, section: str, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None
) -> None:
    """Take connections on bound sockets; with `tls`, over HTTPS only.

    Raises:
        RefusedForNow: another program has begun to listen there meanwhile; names the key of the configuration's `section`.
    """
    for bound in sockets:
        try:
            await _Door(runner, bound, backlog=shares().backlog, ssl_context=tls).start()
        except OSError as problem:
            host, port = bound.getsockname()[:2]
            raise _problem(problem, section, host, port) from problem


def _bound(stack: ExitStack, section: str, host: str, port: int, problems: list[ConfigurationError]) -> list[socket.socket]:
    """Bind all addresses of a host, and note what keeps that from being done."""
    bound, missing = [], []
    try:
        for family, kind, protocol, _, address in _addresses(host, port):
            try:
                bound.append(stack.enter_context(closing(_socket(family, kind, protocol, address))))
            except OSError as problem:
                if problem.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing.append(problem)  # a name may have an IPv6 address on a machine that has none
        if missing and not bound:
            raise missing[0]
    except OSError as problem:
        problems.append(_problem(problem, section, host, port))
    return bound


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]]:
    yield from dict.fromkeys(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))


def _socket(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    with ExitStack() as unless_bound:
        bound = unless_bound.enter_context(closing(socket.socket(family, kind, protocol)))
        if sys.platform != "win32":  # there it would let another program take the port, too
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        unless_bound.pop_all()
        return bound


def _problem(problem: OSError, section: str, host: str, port: int) -> ConfigurationError:
    if isinstance(problem, socket.gaierror):
        return RefusedForNow([f"{section}.host: {host} has no address: {problem.strerror}"])
    match problem.errno:
        case errno.EADDRINUSE:
            what = f"another program listens on port {port} of {host}; choose another one, or end that program"
            return RefusedForNow([f"{section}.port: {what}"])
        case errno.EACCES | errno.EPERM:
            return ConfigurationError([f"{section}.port: this user may not listen on port {port}; choose one from 1024 on"])
        case errno.EADDRNOTAVAIL:  # or not yet: while a machine starts, or before an address has moved to it
            return RefusedForNow([f"{section}.host: {host} is no address of this machine"])
        case number:
            reason = os.strerror(number or 0)
            return ConfigurationError([f"{section}.host, {section}.port: cannot listen on {host}:{port}: {reason}"])


def _control(stack: ExitStack, settings: Settings, problems: list[ConfigurationError]) -> socket.socket | None:
    if not unix_socket.AVAILABLE:
        return None
    try:
        return stack.enter_context(unix_socket.bound(settings.control.socket, "control.socket"))
    except ConfigurationError as found:
        problems.append(found)
        return None
