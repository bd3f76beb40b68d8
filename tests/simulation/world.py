"""One simulated run: processes that share an authority, readers, loaders and cleanups in them, and bad luck."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from random import Random

from connector.api.answers import answer
from connector.cache import Cache
from connector.endsystems.end_system import SessionLogin
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome
from drivers import Driver, DriverError
from drivers.memory import MemoryDriver
from tests.doubles import ACKNOWLEDGED, ScriptedEndSystem
from tests.simulation.climate import Seconds, drawn
from tests.simulation.loop import SimulatedLoop
from tests.simulation.oracle import Loaded, Oracle, named
from tests.simulation.parts import REAL, Parts
from tests.simulation.process import DAY_ONE, Process, running
from tests.simulation.weather import RemoteDriver, Store

READERS, REQUESTS, CLEANUPS = 3, 6, 4
"""How many readers a process has, and how many requests each of them makes; how many cleanups each process does."""
PATIENCE = 24 * 3600.0
"""Simulated seconds after which a run must have come to its end."""


class EndSystemFailed(Exception):
    """What a loader raises at times."""


class World:
    """Everything that a run shares."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.parts = parts
        self.oracle = Oracle()
        self.dice = Random(seed)
        self.loop = SimulatedLoop(self.dice)
        self.authority = Store(lambda: self.parts.authority("authority", MemoryDriver.Settings(), clock=self.clock))
        self.shared_near = Store(lambda: MemoryDriver("shared", MemoryDriver.Settings(), clock=self.clock))
        self.climate = drawn(self.dice)

    def clock(self) -> float:
        return DAY_ONE + self.loop.time()

    def process(self, name: str) -> AbstractAsyncContextManager[Process]:
        """Return one more process, to be started."""

        async def logout(_: SessionLogin) -> LogoutOutcome:
            await self.pause()
            return ACKNOWLEDGED

        return running(name, self.drivers(), self.parts, end_system=ScriptedEndSystem(logout), dice=self.dice, clock=self.clock)

    def drivers(self) -> list[Driver]:
        """Return the drivers of one more process."""
        memory = MemoryDriver("memory", MemoryDriver.Settings(), clock=self.clock)
        own = Store(lambda: MemoryDriver("own", MemoryDriver.Settings(), clock=self.clock))
        near: dict[str, list[Driver]] = {
            "authority alone": [],
            "memory": [memory],
            "far near": [self._remote("near", own)],
            "shared near": [self._remote("near", self.shared_near)],
            "two near": [memory, self._remote("near", self.shared_near)],
        }
        return [*near[self.climate.topology], self._remote("authority", self.authority)]

    def _remote(self, name: str, store: Store) -> RemoteDriver:
        return RemoteDriver(name, store, self.dice, travel=self.climate.travel, bad_days=self.climate.bad_days)

    async def pause(self, seconds: Seconds = ()) -> None:
        """Wait for one of these times, or for as long as is usual between two calls."""
        await asyncio.sleep(self.dice.choice(seconds or self.climate.pause))

    async def run(self) -> None:
        """Let everything happen."""
        self.oracle.event(str(self.climate))
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            processes = [await stack.enter_async_context(self.process(name)) for name in ("p1", "p2")]
            async with asyncio.TaskGroup() as actors:
                for process in processes:
                    for _ in range(READERS):
                        actors.create_task(self.readers(process))
                    actors.create_task(self.cleaner(process))
                actors.create_task(self.mishaps())

    async def readers(self, process: Process) -> None:
        """Make requests one after the other; some of them are broken off."""
        for _ in range(REQUESTS):
            await self.pause()
            request = asyncio.create_task(self.request(process))
            if self.dice.random() < 0.1:
                await self.pause()
                request.cancel()
            with suppress(asyncio.CancelledError):
                await request

    async def request(self, process: Process) -> None:
        """Do what a handler does: take the caches, then read, load and store."""
        scope = self.dice.choice(self.climate.scopes)
        cache = await process.caches.of(scope)
        self.oracle.event(f"{process.name}: a request of {named(scope)} begins")
        handler = Handler(self, process.name, cache)
        for _ in range(self.dice.randrange(1, 4)):
            with suppress(EndSystemFailed):
                await handler.do_something()
            await self.pause()

    async def cleaner(self, process: Process) -> None:
        """Clean up now and then, often twice at once."""
        for _ in range(CLEANUPS):
            await self.pause(self.climate.between_cleanups)
            session = self.dice.choice(self.climate.cleaned)
            everything = session.system_id is not None and self.dice.random() < 0.5
            request = CleanupRequest(session.session_id, session.system_id, everything, Credential())
            async with asyncio.TaskGroup() as duplicates:
                for _ in range(self.climate.duplicates):
                    duplicates.create_task(self.cleanup(process, request))

    async def cleanup(self, process: Process, request: CleanupRequest) -> None:
        """Ask for one cleanup, and tell the oracle what was answered."""
        await self.pause((0, 0.01, 0.1, 0.5))
        scopes = "+".join(named(scope) for scope in request.scopes)
        received = self.oracle.event(f"{process.name}: cleanup of {scopes} received")
        status = answer(await process.orchestrator.cleanup(request)).status
        self.oracle.event(f"{process.name}: cleanup of {scopes}, received at {received}, is answered {status}")
        self.oracle.cleaned(received, request.scopes, "" if status == 200 else process.name)
        if status not in {200, 503}:
            self.oracle.broken(f"a cleanup was answered {status}")

    async def mishaps(self) -> None:
        """Have a store away for a while at times, and let it lose all that it holds at others."""
        for _ in range(self.dice.choice((0, 1, 2, 3))):
            await self.pause((0.1, 1, 20))
            store = self.dice.choice((self.authority, self.authority, self.shared_near))
            self.oracle.event(f"{store.memory.name} is away")
            store.away = True
            await self.pause((0.1, 2, 20))
            if restarted := self.dice.random() < 0.5:
                store.restart()
            self.oracle.event(f"{store.memory.name} is back{', and has lost everything' if restarted else ''}")
            store.away = False


@dataclass(frozen=True, slots=True)
class Handler:
    """An author's handler within one request."""

    world: World
    process: str
    cache: Cache

    async def do_something(self) -> None:
        """Make one of the calls that a cache has."""
        calls = self.world.climate.calls
        (call,) = self.world.dice.choices([*calls], [*calls.values()])
        await getattr(self, call)()

    async def load(self, key: str) -> Loaded:
        """Read from the end system, which takes its time and fails at times."""
        began = self.world.oracle.event(f"    {self.process}: load of {named(self.cache.scope)}/{key} begins")
        await self.world.pause(self.world.climate.load)
        if self.world.dice.random() < 0.1:
            raise EndSystemFailed
        self.world.oracle.counted["loads"] += 1
        return Loaded(named(self.cache.scope), key, began)

    async def get(self) -> None:
        key = self._key()
        reading = self.world.oracle.reading(self.process, self.cache.scope, key, "get")
        self.world.oracle.has_read(reading, await self.cache.get(key, Loaded), "get")

    async def get_or_load(self) -> None:
        key = self._key()
        reading = self.world.oracle.reading(self.process, self.cache.scope, key, "get_or_load")
        found = await self.cache.get_or_load(key, lambda: self.load(key), kind=Loaded, ttl=self._ttl())
        self.world.oracle.has_read(reading, found, "get_or_load")

    async def set(self) -> None:
        key = self._key()
        value = await self.load(key)
        await self.world.pause()
        stored = await self.cache.set(key, value, ttl=self._ttl())
        self.world.oracle.event(f"    {self.process}: set of {value.scope}/{key} from {value.began}: {stored}")

    async def many(self) -> None:
        values = {key: await self.load(key) for key in self.world.climate.keys}
        await self.cache.set_many(values, ttl=self._ttl())
        readings = [self.world.oracle.reading(self.process, self.cache.scope, key, "get_many") for key in self.world.climate.keys]
        found = await self.cache.get_many(self.world.climate.keys, Loaded)
        for reading in readings:
            self.world.oracle.has_read(reading, found.get(reading.key), "get_many")

    async def delete(self) -> None:
        key = self._key()
        with suppress(DriverError):
            await self.cache.delete(key)
        self.world.oracle.event(f"    {self.process}: delete of {named(self.cache.scope)}/{key}")

    def _key(self) -> str:
        return self.world.dice.choice(self.world.climate.keys)

    def _ttl(self) -> float:
        return self.world.dice.choice((1, 60, 3600))


def simulate(seed: int, parts: Parts = REAL) -> Oracle:
    """Let one run happen, and return the oracle that has watched it."""
    world = World(seed, parts)
    world.loop.simulate(world.run())
    for context in world.loop.unhandled:
        world.oracle.broken(f"nobody has looked at {context}")
    return world.oracle
