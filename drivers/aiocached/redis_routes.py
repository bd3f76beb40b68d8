"""The ways to the server: its name, its Unix socket, or the Sentinels that know it."""

import asyncio
from abc import ABC, abstractmethod
from functools import partial

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.redis_connection import Addressed, connected
from drivers.aiocached.redis_proxy import is_twemproxy
from drivers.aiocached.redis_sentinels import Sentinels
from drivers.aiocached.redis_server import A_PROXY, UnfitServer
from drivers.host_names import Names, Question, first_to_answer


class Route(ABC):
    """Leads connections to the server."""

    @abstractmethod
    async def reach(self, connection: Addressed) -> str:
        """Connect to wherever the server is now, and return the place for the log."""

    async def still_leads_to(self, connection: Addressed) -> bool:  # noqa: ARG002 - for those that can tell
        """Tell whether a connection is still where a new one would be, if that is known without making one."""
        return True


class ToSocket(Route):
    """To a Unix socket."""

    def __init__(self, settings: AiocacheSettings) -> None:
        self._settings = settings

    async def reach(self, connection: Addressed) -> str:
        await connected(connection, self._settings)
        return str(self._settings.unix_socket_path)


class ToHost(Route):
    """To a host and port."""

    def __init__(self, settings: AiocacheSettings) -> None:
        self._settings = settings
        self._names = Names()

    async def reach(self, connection: Addressed) -> str:
        async with asyncio.timeout(self._settings.connect_timeout):
            addresses = await self._names.addresses(Question(connection.host))
        await first_to_answer(addresses, partial(self._connect_to, connection), RedisError)
        return f"{connection.host}:{connection.port}"

    async def _connect_to(self, connection: Addressed, address: str) -> None:
        connection.address = address
        try:
            await connected(connection, self._settings)
        except RedisConnectionError as problem:
            if await is_twemproxy(address, connection.port, self._settings.connect_timeout):
                raise UnfitServer(A_PROXY) from problem
            raise


class ToMaster(ToHost):
    """To the host and port that the Sentinels name."""

    def __init__(self, settings: AiocacheSettings, sentinels: Sentinels) -> None:
        super().__init__(settings)
        self._sentinels = sentinels

    async def reach(self, connection: Addressed) -> str:
        connection.host, connection.port = await self._sentinels.master()
        return await super().reach(connection)

    async def still_leads_to(self, connection: Addressed) -> bool:
        return await self._sentinels.master() == (connection.host, connection.port)
