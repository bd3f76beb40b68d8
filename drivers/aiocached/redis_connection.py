"""redis-py's connections, with the address of their host that they connect to, and what is known of the server there."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.credentials import CredentialProvider
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from drivers.aiocached.aiocache_settings import AiocacheSettings

Word = str | bytes | int


class _Noted:
    """What the pool notes of a connection."""

    address = ""
    """The address of its next connection."""
    place = ""
    """Where it leads, for the log."""
    era = -1
    """The pool's era in which it was made."""
    since = 0.0
    """When it was made, by the monotonic clock."""
    run_id = ""
    """Of its server."""
    has_flags = False
    """Whether its server knows the flags of scripts."""


class AddressedConnection(_Noted, Connection):
    """A connection that looks nothing up: redis-py would do that in the event loop's threads, which all hosts share."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self.address}


class AddressedTlsConnection(_Noted, SSLConnection):
    """The same over TLS: the certificate is for the host's name."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        # The certificate is checked for the configured name, not for the address that it resolved to.
        return {**super()._connection_arguments(), "host": self.address, "server_hostname": self.host}


class SocketConnection(_Noted, UnixDomainSocketConnection):
    """A connection to a Unix socket; its `host` and `port` say nothing."""

    def __init__(self, *, host: str, port: int, **options: Any) -> None:
        super().__init__(**options)
        self.host, self.port = host, port


class StoreLogin(CredentialProvider):
    """Who logs in to a server. Each connection that is made asks for it anew, because the password may have changed."""

    def __init__(self, username: str | None, password: str | None) -> None:
        self._username = username
        self.password = password

    @property
    def options(self) -> dict[str, Any]:
        """What redis-py is told of it: nothing if nobody logs in."""
        return {"username": self._username} if self.password is None else {"credential_provider": self}

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the name, unless it is the default user's, and the password."""
        password = self.password or ""
        return (password,) if self._username is None else (self._username, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Return the same. redis-py's own method logs a warning for each connection."""
        return self.get_credentials()


Addressed = AddressedConnection | AddressedTlsConnection | SocketConnection


def connection_options(settings: AiocacheSettings) -> dict[str, Any]:
    """Return what redis-py is told of every connection: its class, and how it is secured."""
    options: dict[str, Any] = {
        "connection_class": AddressedConnection,
        # With one, redis-py makes a task for each command. Before Python 3.12 that loses a cancellation now and then.
        "socket_timeout": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),  # only redis-py's own pool handles them
    }
    if settings.unix_socket_path is not None:
        options |= {"connection_class": SocketConnection, "path": str(settings.unix_socket_path)}
    if settings.tls:
        options |= {"connection_class": AddressedTlsConnection, "ssl_ca_certs": _text(settings.ca_file)}
        options |= {"ssl_certfile": _text(settings.client_certificate), "ssl_keyfile": _text(settings.client_key)}
        # With a password, OpenSSL does not ask for one at the terminal.
        options |= {"ssl_password": ""}
    return options


async def connected(connection: Addressed, settings: AiocacheSettings) -> None:
    """Connect, and exchange redis-py's greeting with the server.

    Raises:
        redis.exceptions.RedisError: the server cannot be reached, does not answer in time, or refuses the user.
    """
    try:
        async with asyncio.timeout(settings.connect_timeout + settings.operation_timeout):
            await cast("Any", connection).connect()
    except TimeoutError as late:
        raise RedisTimeoutError("no answer to the greeting") from late


async def said(connection: Addressed, *command: Word) -> Any:
    """Return the server's answer to a command. The caller sets the deadline."""
    await connection.send_command(*command, check_health=False)
    return await connection.read_response()


def _text(file: object) -> str | None:
    return None if file is None else str(file)
