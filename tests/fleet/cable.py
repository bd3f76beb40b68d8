"""The network between a replica and its store: a TCP relay that can be cut and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.e2e.wire import copy

SCRIPT = b"EVALSHA"


class Rounds:
    """Lets scripts through to a Redis in rounds of these sizes: each waits until all of its round have come."""

    def __init__(self, *sizes: int) -> None:
        self.asked = 0
        self._places = [barrier for size in sizes for barrier in [asyncio.Barrier(size)] * size]

    async def pass_through(self) -> None:
        """Wait for the others of the round. One that comes after all rounds does not wait."""
        place, self.asked = self.asked, self.asked + 1
        if place < len(self._places):
            await self._places[place].wait()


class Cable:
    """Relays connections to a loopback port. While it is cut, there are none, and new ones are closed at once."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._relays: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self.port = 0
        self.rounds = Rounds()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection."""
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        relay.add_done_callback(lambda _: writer.transport.abort())  # also if it never began

    async def cut(self) -> None:
        """End every connection, and let none be made."""
        self._is_cut = True
        for relay in self._relays:
            relay.cancel()
        while self._relays:
            await asyncio.wait([*self._relays])
            await asyncio.sleep(0)

    def mend(self) -> None:
        """Let connections be made again."""
        self._is_cut = False

    async def lead_to(self, target: int) -> None:
        """Lead to another server from now on."""
        await self.cut()
        self._target = target
        self.mend()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            answers, there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # nobody listens at its other end
            writer.transport.abort()
            return
        try:
            ways = [asyncio.create_task(self._ask(reader, there)), asyncio.create_task(copy(answers, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)
        finally:
            there.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                if SCRIPT in piece:
                    await self.rounds.pass_through()
                there.write(piece)
                await there.drain()


@asynccontextmanager
async def cable(target: int) -> AsyncIterator[Cable]:
    """Lay a cable from a free loopback port to a server's."""
    laid = Cable(target)
    async with await asyncio.start_server(laid.accept, "127.0.0.1", 0) as server:
        laid.port = server.sockets[0].getsockname()[1]
        try:
            yield laid
        finally:
            await laid.cut()
