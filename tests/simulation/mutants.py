"""Mutants: plausible mistakes in the cache and the cleanup, each of which the simulation has to find.

`python -m tests.simulation.mutants` shows for each the first seed that kills it, and what was seen.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from connector.cache import Cache, Caches, Entries, Loads
from connector.cache.entries import Epoch
from connector.cache.loads import Place
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.model.cleanup import CleanupReport, CleanupRequest
from connector.runtime.supervision import OwnedTasks
from drivers import Driver, DriverError, Entry, Scope, Stamp
from drivers.memory import MemoryDriver
from tests.simulation.parts import Parts
from tests.simulation.quiet import quiet
from tests.simulation.world import simulate

T = TypeVar("T")

SEEDS = 2_000


class LoadsJoinedByKey(Loads):
    async def join(self, place: Place, load: Callable[[], Awaitable[bytes]]) -> bytes:
        return await super().join(place._replace(stamp=Stamp(b"")), load)


class StampAfterLoad(Entries):
    async def keep(self, scope: Scope, key: str, entry: Entry, epoch: Epoch) -> bool:
        return await super().keep(scope, key, await restamped(self, scope, entry), epoch)


class StampAtSet(Entries):
    async def set(self, scope: Scope, key: str, entry: Entry) -> bool:
        return await super().set(scope, key, await restamped(self, scope, entry))


async def restamped(entries: Entries, scope: Scope, entry: Entry) -> Entry:
    return Entry(entry.value, await entries.stamp(scope) or entry.stamp, entry.expires_at)


class ReadVersionInBackground(Caches):
    async def of(self, scope: Scope, *, login_id: str = "") -> Cache:
        moment = asyncio.create_task(self._entries.stamp(scope))
        return CacheOfSomeReadVersion(moment, scope, None, self._entries, self._loads)


class CacheOfSomeReadVersion(Cache):
    def __init__(self, found_out: "asyncio.Task[Stamp | None]", *parts: Any) -> None:
        super().__init__(*parts)
        self._found_out = found_out

    async def set(self, key: str, value: object, *, ttl: float = 3600) -> bool:
        self.read_version = await asyncio.shield(self._found_out)
        return await super().set(key, value, ttl=ttl)


class ReadsAtReadVersion(Caches):
    async def of(self, scope: Scope, *, login_id: str = "") -> Cache:
        return CacheReadAtReadVersion(scope, await self._entries.stamp(scope), self._entries, self._loads)


class CacheReadAtReadVersion(Cache):
    async def get(self, key: str, kind: Any, default: object = None) -> Any:
        found = await self._find(self.read_version, key, kind)
        return found if isinstance(found, kind) else default


class LocalUnchecked(Entries):
    async def read(self, scope: Scope, key: str, stamp: Stamp, *, again: bool = False) -> bytes | None:
        for driver in self._local:
            if entry := await self._ask(driver, driver.get(scope, key)):
                return entry.value
        return await super().read(scope, key, stamp, again=again)


class AuthorityUnchecked(Entries):
    async def read(self, scope: Scope, key: str, stamp: Stamp, *, again: bool = False) -> bytes | None:
        if found := await super().read(scope, key, stamp, again=again):
            return found
        entry = await self._ask(self._authority, self._authority.get(scope, key))
        return entry.value if entry else None


class PutUncompared(MemoryDriver):
    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        await self.put(scope, key, entry)
        return True


class CountedGenerations(MemoryDriver):
    """Numbers the lives of each scope, from one on after a restart."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lives_so_far: Counter[Scope] = Counter()
        self._numbers: dict[Stamp, Stamp] = {}

    async def stamp(self, scope: Scope) -> Stamp:
        random = await super().stamp(scope)
        if random not in self._numbers:
            self._lives_so_far[scope] += 1
            self._numbers[random] = Stamp(str(self._lives_so_far[scope]).encode())
        return self._numbers[random]

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        if entry.stamp != await self.stamp(scope):
            return False
        await self.put(scope, key, entry)
        return True


class LastKnownStamp(Entries):
    """While the authority is away, what it said last is taken to be good enough."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: dict[Scope, Stamp] = {}

    async def stamp(self, scope: Scope) -> Stamp | None:
        stamp = await super().stamp(scope) or self._known.get(scope)
        if stamp:
            self._known[scope] = stamp
        return stamp


class UnknownJoined(Entries):
    """While the authority is away, those who know no stamp are taken to have the same one."""

    async def stamp(self, scope: Scope) -> Stamp | None:
        return await super().stamp(scope) or Stamp(b"unknown")


class DebtsServed(Entries):
    """What an authority says that owes an eviction is served."""

    async def stamp(self, scope: Scope) -> Stamp | None:
        return await self._ask(self._authority, self._authority.stamp(scope))


class AtOnceUnchecked(Entries):
    """What the nearest driver has at once is served, whatever its stamp."""

    def at_once(self, scope: Scope, key: str) -> bytes | None:
        entry = self._nearest.get_at_once(scope, key)
        return entry.value if entry else None


class ManyUnchecked(Entries):
    """What the nearest driver has of many keys is served, whatever its stamp."""

    def held(self, scope: Scope, keys: Sequence[str], stamp: Stamp) -> list[bytes | None]:
        del stamp
        return [entry.value if entry else None for entry in self._nearest.get_many_at_once(scope, keys)]


class DebtsServedAtOnce(Entries):
    """What an authority says at once that owes an eviction is served."""

    def at_once(self, scope: Scope, key: str) -> bytes | None:
        entry = self._nearest.get_at_once(scope, key)
        with suppress(DriverError):
            return entry.value if entry and entry.stamp == self._authority.stamp_at_once(scope) else None
        return None


class DuplicateSkipsEviction(Orchestrator):
    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._shared: dict[CleanupRequest, asyncio.Task[CleanupReport]] = {}

    async def cleanup(self, request: CleanupRequest, **how: Any) -> CleanupReport:
        running = self._shared.get(request)
        if running is None or running.done():
            running = self._shared[request] = asyncio.create_task(super().cleanup(request, **how))
        return await asyncio.shield(running)


class AnsweredEarly(Storage):
    """Has the generation changed in the background."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._later = OwnedTasks()

    async def evict(self, driver: Driver, scopes: Sequence[Scope]) -> None:
        task = self._later.start(super().evict(driver, scopes))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


MUTANTS = {
    "loads are joined by the key alone": Parts(loads=LoadsJoinedByKey),
    "the stamp is read after the load": Parts(entries=StampAfterLoad),
    "the moment of a request is the first `set`": Parts(entries=StampAtSet),
    "the moment is found out in the background": Parts(caches=ReadVersionInBackground),
    "a read is as of the request's moment": Parts(caches=ReadsAtReadVersion),
    "generations are counted": Parts(authority=CountedGenerations),
    "local copies are not checked": Parts(entries=LocalUnchecked),
    "the authority puts without comparing, and is not checked": Parts(authority=PutUncompared, entries=AuthorityUnchecked),
    "the last known stamp serves while the authority is away": Parts(entries=LastKnownStamp),
    "loads are joined while the authority is away": Parts(entries=UnknownJoined),
    "an authority that owes an eviction is believed": Parts(entries=DebtsServed),
    "local copies are not checked where they are found at once": Parts(entries=AtOnceUnchecked),
    "local copies are not checked where many are found at once": Parts(entries=ManyUnchecked),
    "an authority that owes an eviction is believed at once": Parts(entries=DebtsServedAtOnce),
    "a duplicate skips its own eviction": Parts(orchestrator=DuplicateSkipsEviction),
    "the answer comes before the generation changes": Parts(storage=AnsweredEarly),
}


@dataclass(frozen=True, slots=True)
class Killed:
    """The end of a mutant."""

    seed: int
    seen: str


def hunt(parts: Parts, seeds: int = SEEDS) -> Killed | None:
    """Return the first seed that shows the mutant for what it is, if there is one."""
    with quiet():
        for seed in range(seeds):
            if violations := simulate(seed, parts).violations:
                return Killed(seed, violations[0])
    return None


def reported(mutants: Mapping[str, T], hunt: Callable[[T], Killed | None]) -> int:
    """Hunt each mutant and print what became of it; return the exit code, 1 if one survives."""
    table = Table("mutant", "killed by", "seed", "what was seen")
    survivors = 0
    for name, mutant in mutants.items():
        killed = hunt(mutant)
        survivors += killed is None
        table.add_row(name, *("simulation", str(killed.seed), killed.seen) if killed else ("nobody", "", ""))
    Console().print(table)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(reported(MUTANTS, hunt))
