"""redis-py's connections, with the address of their host that they connect to."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Connection, SSLConnection


class AddressedConnection(Connection):
    """A connection that looks nothing up: redis-py would do that in the event loop's threads, which all hosts share."""

    address = ""
    """The address of its next connection."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self.address}


class AddressedTlsConnection(SSLConnection):
    """The same over TLS: the certificate is for the host's name."""

    address = ""

    def _connection_arguments(self) -> Mapping[str, Any]:
        # The certificate is checked for the configured name, not for the address that it resolved to.
        return {**super()._connection_arguments(), "host": self.address, "server_hostname": self.host}


Addressed = AddressedConnection | AddressedTlsConnection
