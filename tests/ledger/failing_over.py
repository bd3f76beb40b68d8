"""A database with a standby that can be cut off and promoted, behind a relay that leads to one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.ports import HOST
from tests.postgres import Postgres, standby_of

STANDBYS = "SELECT count(*) FROM pg_stat_replication"
WITHIN = 60.0


@dataclass(slots=True)
class Relay:
    """Passes on what comes to the server that it leads to."""

    target: int
    port: int = 0
    _passing: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def turn_to(self, target: int) -> None:
        """Lead to another server, and break all connections to the one before."""
        self.target = target
        broken, self._passing = self._passing, set()
        for task in broken:
            task.cancel()
        if broken:
            await asyncio.wait(broken)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._passing.add(asyncio.create_task(self._pass_on(reader, writer)))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.close()
            return
        ways = [asyncio.create_task(_one_way(reader, back)), asyncio.create_task(_one_way(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for each in (writer, back):
                each.close()


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    """Run one before the server on this port."""
    made = Relay(target)
    server = await asyncio.start_server(made.accept, HOST, 0)
    try:
        made.port = server.sockets[0].getsockname()[1]
        yield made
    finally:
        server.close()
        await made.turn_to(target)


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary, its standby, and the way to the one that counts."""

    primary: Postgres
    standby: Postgres
    relay: Relay
    database: str

    @property
    def address(self) -> str:
        return self.primary.dsn(self.database, port=self.relay.port)

    async def cut_off(self) -> None:
        """Leave the standby with what it has now: it gets nothing more."""
        await asyncio.wait_for(asyncio.to_thread(self._cut_off), WITHIN)

    def _cut_off(self) -> None:
        flushed = "SELECT pg_current_wal_lsn() = all(SELECT replay_lsn FROM pg_stat_replication)"
        while self.primary.administer(flushed) != [(True,)]:
            pass
        self.standby.administer("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.administer("SELECT pg_reload_conf()")
        while self.primary.administer(STANDBYS) != [(0,)]:
            pass

    async def fail_over(self) -> None:
        """Promote the standby, and lead to it. The primary goes on by itself, as one that is cut off may."""
        await asyncio.to_thread(self.standby.administer, "SELECT pg_promote()")
        await self.relay.turn_to(self.standby.server.port)

    async def fall_back(self) -> None:
        """Lead to the former primary again, which knows nothing of what the other one did."""
        await self.relay.turn_to(self.primary.server.port)


@asynccontextmanager
async def pair_of(primary: Postgres) -> AsyncIterator[Pair]:
    """Run a standby of a primary, with a new database of a ledger."""
    database = primary.new_database()
    with standby_of(primary, "far") as standby:
        async with relay(primary.server.port) as way:
            yield Pair(primary, standby, way, database)
