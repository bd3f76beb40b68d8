"""redis-py's connections, told to which address of their host they go."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Connection, SSLConnection


class AddressedConnection(Connection):
    """A connection that looks nothing up. redis-py has the event loop do that, in threads which all hosts share."""

    address = ""
    """Where it goes when it is connected next."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self.address}


class AddressedTlsConnection(SSLConnection):
    """The same over TLS: the certificate is for the host's name."""

    address = ""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self.address, "server_hostname": self.host}


Addressed = AddressedConnection | AddressedTlsConnection
