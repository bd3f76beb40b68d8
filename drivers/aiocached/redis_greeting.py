"""How a connection to Redis begins: the server is reached, and says what it is."""

import asyncio

from redis.exceptions import ReadOnlyError

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.redis_connection import Addressed, said
from drivers.aiocached.redis_routes import Route
from drivers.aiocached.redis_server import NotTheMaster, ServerInfo, UnfitServer
from drivers.aiocached.redis_topology import Topology


class Greeting:
    """Connects, and refuses a server that cannot hold the entries."""

    def __init__(self, settings: AiocacheSettings, route: Route) -> None:
        self._settings = settings
        self._route = route
        self._topology = Topology()

    @property
    def server(self) -> ServerInfo:
        """The server that was seen last."""
        return self._topology.seen

    async def connect(self, connection: Addressed) -> None:
        """Connect, and ask the server what it is.

        Raises:
            UnfitServer: the server cannot hold the entries.
            DriverUnavailable: nobody knows where the server is.
            TimeoutError, OSError, redis.exceptions.RedisError: the server cannot be reached, or refuses the user.
        """
        try:
            connection.place = await self._route.reach(connection)
            await self._ask(connection)
            await self._select(connection)
        except BaseException:
            # Whatever came in between: half greeted, it must not be used.
            await connection.disconnect(nowait=True)
            raise

    async def look(self, connection: Addressed) -> None:
        """Find out whether the server is still the one to use. Raises as `connect` does if it is not."""
        if not await self._route.still_leads_to(connection):
            raise ReadOnlyError("the Sentinels name another master")
        await self._ask(connection)

    async def _select(self, connection: Addressed) -> None:
        if self._settings.database:
            async with asyncio.timeout(self._settings.operation_timeout):
                await said(connection, "SELECT", self._settings.database)

    async def _ask(self, connection: Addressed) -> None:
        async with asyncio.timeout(self._settings.operation_timeout):
            answer = await said(connection, "INFO")
        server = ServerInfo.of(answer.decode(errors="replace"), by_sentinels=bool(self._settings.sentinels))
        connection.run_id, connection.has_flags = server.run_id, server.has_flags
        self._topology.note(server, connection.place)
        if server.unfit is not None:
            await connection.disconnect(nowait=True)
            raise (NotTheMaster if server.is_only_a_replica else UnfitServer)(server.unfit)
