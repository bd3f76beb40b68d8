"""redis-py's connections, with the address of their host that they connect to, and what is known of the server there."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Connection, SSLConnection

Word = str | bytes | int


class _Noted:
    """What the pool notes of a connection."""

    address = ""
    """The address of its next connection."""
    era = -1
    """The pool's era in which it was made."""
    since = 0.0
    """When it was made, by the monotonic clock."""
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


Addressed = AddressedConnection | AddressedTlsConnection


async def said(connection: Addressed, *command: Word) -> Any:
    """Return the server's answer to a command. The caller sets the deadline."""
    await connection.send_command(*command, check_health=False)
    return await connection.read_response()
