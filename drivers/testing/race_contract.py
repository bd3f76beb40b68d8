"""Races: writers, loaders and readers against evictions, judged by what was true at each time."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from drivers.contract import Driver, Scope, SessionScope, SystemScope
from drivers.testing.subject import MakeDriver, Subject, entry, found, is_shared, keep, opened

A, B = SystemScope("A"), SystemScope("B")
SESSIONS = [SessionScope("s1", "A"), SessionScope("s10", "A"), SessionScope("t1", "B")]
SCOPES: list[Scope] = [A, B, *SESSIONS]
TOGETHER: list[list[Scope]] = [[*SESSIONS[:2]], [A]]
ROUNDS, ENOUGH = 40, 3
SEEDS = pytest.mark.parametrize("seed", range(5))


@dataclass
class _Truth:
    """The end system that loaders read from. `version` rises with every cleanup; `oldest` is what readers may still see."""

    dice: random.Random
    version: int = 0
    oldest: Counter[Scope] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    async def pause(self) -> None:
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)

    def scope(self) -> Scope:
        return self.dice.choice(SCOPES)

    async def load(self, driver: Driver) -> None:
        """Load as the cache does: the stamp first, then the value, then the attempt to store it."""
        scope = self.scope()
        stamp = await driver.stamp(scope)
        value = str(self.version).encode()
        await self.pause()
        kept = await driver.put_if_current(scope, "key", entry(value, stamp))
        self.seen["kept" if kept else "refused"] += 1

    async def clean_up(self, driver: Driver) -> None:
        scope = self.scope()
        self.version += 1
        begun = self.version
        await driver.evict(scope)
        for taken in _taken_along(scope):
            self.oldest[taken] = max(self.oldest[taken], begun)

    async def read(self, driver: Driver) -> None:
        """Read as the cache does. A value from before the last cleanup that had ended by then must not be found."""
        scope = self.scope()
        oldest = self.oldest[scope]
        stamp = await driver.stamp(scope)
        await self.pause()
        held = await driver.get(scope, "key")
        if held and held.stamp == stamp:
            assert int(held.value) >= oldest
            self.seen["hit"] += 1

    async def read_at_once(self, driver: Driver) -> None:
        """Read as the cache does if the driver need not wait."""
        scope = self.scope()
        held = driver.get_at_once(scope, "key")
        if held and held.stamp == driver.stamp_at_once(scope):
            assert int(held.value) >= self.oldest[scope]

    async def purge(self, driver: Driver) -> None:
        await driver.purge(3)

    @property
    def tells_something(self) -> bool:
        return min(self.seen[what] for what in ("kept", "refused", "hit")) >= ENOUGH


class RaceContract(Subject):
    @SEEDS
    async def test_no_read_after_an_eviction_finds_what_was_loaded_before_it(self, make_driver: MakeDriver, seed: int) -> None:
        truth = _Truth(random.Random(seed))  # noqa: S311 - seeded on purpose
        parts = [truth.load] * 4 + [truth.read] * 4 + [truth.read_at_once, truth.clean_up, truth.purge]
        async with AsyncExitStack() as stack:
            drivers = [await stack.enter_async_context(opened(make_driver()))]
            if is_shared(drivers[0]):
                drivers.append(await stack.enter_async_context(opened(make_driver())))
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                for number, part in enumerate(parts):
                    tasks.create_task(_again(truth, part, drivers[number % len(drivers)]))

    @SEEDS
    async def test_no_local_copy_outlives_an_eviction_that_began_after_it_was_put(self, driver: Driver, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - seeded on purpose
        put: Counter[str] = Counter()

        async def write(key: str) -> None:
            for number in range(1, ROUNDS + 1):
                scope = dice.choice(SESSIONS[:2])
                await driver.put(scope, key, entry(str(number).encode()))
                put[key] = number

        async def clean_up() -> None:
            for _ in range(ROUNDS):
                before = dict(put)
                await driver.evict(*dice.choice(TOGETHER))
                for scope in SESSIONS[:2]:
                    for key, number in before.items():
                        held = await found(driver, scope, key)
                        assert held is None or int(held) > number

        async with asyncio.TaskGroup() as tasks:
            for key in ("one", "two", "three"):
                tasks.create_task(write(key))
            tasks.create_task(clean_up())

    async def test_purging_takes_nothing_that_is_alive(self, driver: Driver) -> None:
        done = asyncio.Event()

        async def purge() -> None:
            while not done.is_set():
                await driver.purge(2)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(purge())
            for number in range(ROUNDS):
                victim, survivor = SessionScope(f"victim {number}", "A"), SessionScope("survivor", "A")
                for scope in (victim, survivor):
                    await keep(driver, scope, str(number), b"value")
                await driver.evict(victim)
                assert await found(driver, victim, str(number)) is None
                assert await found(driver, survivor, str(number)) == b"value"
            assert [await found(driver, survivor, str(number)) for number in range(ROUNDS)] == [b"value"] * ROUNDS
            done.set()


def _taken_along(scope: Scope) -> list[Scope]:
    return [scope, *(session for session in SESSIONS if scope == SystemScope(session.system_id or ""))]


async def _again(truth: _Truth, part: Callable[[Driver], Awaitable[None]], driver: Driver) -> None:
    rounds = 0
    while rounds < ROUNDS or not truth.tells_something:
        await truth.pause()
        await part(driver)
        rounds += 1
