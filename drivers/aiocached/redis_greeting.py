"""How a connection to Redis begins: the address is looked up, and the server says what it is."""

import asyncio
from functools import partial
from typing import Any, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.redis_connection import Addressed, said
from drivers.aiocached.redis_proxy import is_twemproxy
from drivers.aiocached.redis_server import A_PROXY, ServerInfo, UnfitServer
from drivers.aiocached.redis_topology import Topology
from drivers.host_names import Names, Question, first_to_answer


class Greeting:
    """Connects, and refuses a server that cannot hold the entries."""

    def __init__(self, settings: AiocacheSettings) -> None:
        self._settings = settings
        self._names = Names()
        self._topology = Topology()

    async def connect(self, connection: Addressed) -> None:
        """Connect, with redis-py's own deadlines for this only, because they cost a task for each command.

        Raises:
            UnfitServer: the server cannot hold the entries.
            TimeoutError, OSError, redis.exceptions.RedisError: the server cannot be reached, or refuses the user.
        """
        connection.socket_timeout = self._settings.operation_timeout
        try:
            await self._reach(connection)
            await self.ask(connection)
            if self._settings.database:
                await said(connection, "SELECT", self._settings.database)
        except BaseException:
            # Whatever came in between: half greeted, it must not be used.
            await connection.disconnect(nowait=True)
            raise
        finally:
            connection.socket_timeout = None

    async def ask(self, connection: Addressed) -> None:
        """Ask the server what it is, and refuse one that is unfit. A change of the topology is logged."""
        async with asyncio.timeout(self._settings.operation_timeout):
            answer = await said(connection, "INFO")
        server = ServerInfo.of(answer.decode(errors="replace"))
        connection.has_flags = server.has_flags
        self._topology.note(server, f"{connection.host}:{connection.port}")
        if server.unfit is not None:
            await connection.disconnect(nowait=True)
            raise UnfitServer(server.unfit)

    async def _reach(self, connection: Addressed) -> None:
        async with asyncio.timeout(self._settings.connect_timeout):
            addresses = await self._names.addresses(Question(connection.host))
        await first_to_answer(addresses, partial(self._connect_to, connection), RedisError)

    async def _connect_to(self, connection: Addressed, address: str) -> None:
        connection.address = address
        try:
            await cast("Any", connection).connect()
        except RedisConnectionError as problem:
            if await is_twemproxy(address, connection.port, self._settings.connect_timeout):
                raise UnfitServer(A_PROXY) from problem
            raise
