"""The names of end systems, looked up for aiohttp."""

import socket
import sys
from ipaddress import IPv6Address, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from drivers.host_names import Names, Question

FLAGS = 0 if sys.platform == "win32" else socket.AI_ADDRCONFIG
"""Only address families that this machine has itself. On Windows, that would leave no address of `localhost`."""


class Resolver(AbstractResolver):
    """Looks up each end system by itself: one whose name does not resolve delays no login to another."""

    def __init__(self) -> None:
        self._names = Names()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Return what to connect to, as aiohttp wants it. Raises `OSError`."""
        addresses = await self._names.addresses(Question(host, family, FLAGS))
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Do nothing: nobody waits for a running look-up."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    is_v6 = isinstance(ip_address(address), IPv6Address)
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if is_v6 else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
