"""Several drivers: nearest first, judged by the authority, and none that fails or hangs makes a read wrong."""

import asyncio

import pytest

from connector.cache import Cache
from connector.cache.entries import LOCAL_LIFE
from drivers import Driver, DriverError, DriverUnavailable, Entry, Scope
from tests.cache.gate import Gate
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import SESSION, Clock, Stack, memory
from tests.fleet.gates import gate_after

IMPATIENT = 0.02
"""Seconds that a driver has in a test in which it takes longer."""


class Trio:
    """Two local caches and an authority, and a second process that has local caches of its own."""

    def __init__(self, *, read: float = 30) -> None:
        self.clock = Clock()
        names = ("nearest", "near", "authority", "elsewhere")
        self.nearest, self.near, self.authority, self.elsewhere = (Gate(memory(self.clock, name)) for name in names)
        self.stack = Stack([self.nearest, self.near, self.authority], self.clock, read=read)
        self.second = Stack([self.elsewhere, self.authority], self.clock, read=read)

    async def cache(self) -> Cache:
        return await self.stack.caches.of(SESSION)

    @property
    def reads(self) -> tuple[int, int, int]:
        counts = self.nearest.reads, self.near.reads, self.authority.reads
        self.nearest.reads = self.near.reads = self.authority.reads = 0
        return counts

    @property
    def counts(self) -> list[tuple[int, int]]:
        """Hits and misses by driver, nearest first."""
        return [(reads.hits, reads.misses) for reads in self.stack.storage.reads.values()]


@pytest.fixture
def trio() -> Trio:
    return Trio()


async def test_reads_go_nearest_first_and_bring_copies_nearer(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", 1)
    assert (await cache.get("key", int), trio.reads) == (1, (1, 0, 0))
    await trio.nearest.delete(SESSION, "key")
    assert (await cache.get("key", int), trio.reads) == (1, (1, 1, 0))
    assert (await cache.get("key", int), trio.reads) == (1, (1, 0, 0))
    for driver in (trio.nearest, trio.near):
        await driver.delete(SESSION, "key")
    assert (await cache.get("key", int), trio.reads) == (1, (1, 1, 1))
    assert (await cache.get("key", int), trio.reads) == (1, (1, 0, 0))


async def test_hits_and_misses_are_counted_for_each_driver_that_is_asked(trio: Trio) -> None:
    cache = await trio.cache()
    loader = SlowLoader(1)
    loader.finish()
    await cache.get_or_load("key", loader, kind=int)
    assert trio.counts == [(0, 1), (0, 1), (0, 1)]
    await cache.get("key", int)
    assert trio.counts == [(1, 1), (0, 1), (0, 1)]
    await trio.nearest.delete(SESSION, "key")
    await cache.get("key", int)
    assert trio.counts == [(1, 2), (1, 1), (0, 1)]
    for driver in (trio.nearest, trio.near):
        await driver.delete(SESSION, "key")
    await cache.get("key", int)
    assert trio.counts == [(1, 3), (1, 2), (1, 1)]
    await trio.authority.evict(SESSION)
    await cache.get("key", int)
    assert trio.counts == [(1, 4), (1, 3), (1, 2)]


async def test_a_local_copy_that_an_eviction_did_not_reach_is_not_served(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", 1)
    await trio.authority.evict(SESSION)
    assert await cache.get("key", int) is None


@pytest.mark.parametrize("trouble", ["failing", "hanging"])
async def test_a_near_driver_in_trouble_is_passed_by(trouble: str) -> None:
    trio = Trio(read=IMPATIENT)
    cache = await trio.cache()
    await cache.set("key", 1)
    for driver in (trio.nearest, trio.near):
        setattr(driver, trouble, True)
        assert await cache.get("key", int) == 1
        assert await cache.set("other", 2)
        assert await cache.get("other", int) == 2
        await cache.delete("other")
        assert await cache.get("other", int) is None


@pytest.mark.parametrize("trouble", ["failing", "hanging"])
async def test_while_the_authority_fails_every_read_misses_and_every_caller_loads_alone(trouble: str) -> None:
    trio = Trio(read=IMPATIENT)
    cache = await trio.cache()
    await cache.set("key", "kept")
    setattr(trio.authority, trouble, True)
    begun_in_trouble = await trio.cache()
    loader = SlowLoader("loaded")
    loader.finish()
    for each in (cache, begun_in_trouble):
        assert await each.get("key", str) is None
        assert await each.get_many(["key"], str) == {}
        assert [await each.get_or_load("key", loader, kind=str) for _ in range(2)] == ["loaded"] * 2
        assert not await each.set("key", "set")
        with pytest.raises(DriverError):
            await each.delete("key")
    assert loader.calls == 4
    setattr(trio.authority, trouble, False)
    assert await cache.get("key", str) == "kept"
    assert not await begun_in_trouble.set("key", "from before nobody knows what")


async def test_loads_are_not_shared_while_nobody_knows_which_cleanups_lie_between_them(trio: Trio) -> None:
    trio.authority.failing = True
    cache = await trio.cache()
    before, after = SlowLoader("before"), SlowLoader("after")
    first = asyncio.create_task(cache.get_or_load("key", before, kind=str))
    await before.called.wait()
    second = asyncio.create_task(cache.get_or_load("key", after, kind=str))
    await after.called.wait()
    before.finish()
    after.finish()
    assert (await first, await second) == ("before", "after")


async def test_an_authority_that_owes_an_eviction_is_not_believed(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", 1)
    trio.stack.storage.owe(trio.authority)
    assert await cache.get("key", int) is None
    await trio.stack.storage.next_debt(trio.authority)
    trio.stack.storage.absolve(trio.authority)
    assert await cache.get("key", int) == 1


async def test_what_is_told_at_once_is_judged_like_all_else() -> None:
    near, authority = memory(name="near"), memory(name="authority")
    stack = Stack([near, authority])
    cache = await stack.caches.of(SESSION)
    await cache.set("key", 1)
    assert (near.get_at_once(SESSION, "key") is not None, await cache.get("key", int)) == (True, 1)
    stack.storage.owe(authority)
    assert await cache.get("key", int) is None
    await stack.storage.next_debt(authority)
    stack.storage.absolve(authority)
    assert await cache.get("key", int) == 1
    await authority.evict(SESSION)
    assert (near.get_at_once(SESSION, "key") is not None, await cache.get("key", int)) == (True, None)
    later = await stack.caches.of(SESSION)
    await later.set("key", 2)
    await near.aclose()
    assert await later.get("key", int) == 2
    await authority.aclose()
    assert await later.get("key", int) is None


async def test_what_is_told_at_once_is_not_loaded_and_what_an_eviction_or_debt_forbids_is() -> None:
    near, authority = memory(name="near"), memory(name="authority")
    stack = Stack([near, authority])
    loaded: list[str] = []

    async def got(cache: Cache) -> str:
        async def load() -> str:
            loaded.append(f"load {len(loaded)}")
            return loaded[-1]

        return await cache.get_or_load("key", load, kind=str)

    cache = await stack.caches.of(SESSION)
    assert [await got(cache), await got(cache)] == ["load 0", "load 0"]
    assert await cache.get_or_load("key", _seven, kind=int) == 7, "a value of another type is loaded"
    await cache.delete("key")
    assert [await got(cache), await got(cache)] == ["load 1", "load 1"]
    stack.storage.owe(authority)
    assert [await got(cache), await got(cache)] == ["load 2", "load 3"]
    await stack.storage.next_debt(authority)
    stack.storage.absolve(authority)
    assert await got(cache) == "load 1"
    await authority.evict(SESSION)
    assert await got(cache) == "load 4", "the request was overtaken by the cleanup"
    assert [await got(later := await stack.caches.of(SESSION)), await got(later)] == ["load 5", "load 5"]


async def _seven() -> int:
    return 7


async def test_a_value_that_the_authority_did_not_take_is_in_no_near_driver(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", "old")
    trio.authority.failing = True
    assert not await cache.set("key", "new")
    trio.authority.failing = False
    assert await cache.get("key", str) == "old"
    assert trio.reads[2] == 1


async def test_a_failed_delete_says_so_and_the_local_copies_are_gone(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", 1)
    trio.authority.failing = True
    with pytest.raises(DriverUnavailable, match="authority: is failing"):
        await cache.delete("key")
    assert [await driver.get(SESSION, "key") for driver in (trio.nearest, trio.near)] == [None, None]


async def test_another_process_sees_a_new_value_at_once_or_soon_if_it_has_a_local_copy(trio: Trio) -> None:
    here, there = await trio.cache(), await trio.second.caches.of(SESSION)
    await here.set_many({"key": 1, "never read there": 1})
    assert await there.get("key", int) == 1
    await here.set_many({"key": 2, "never read there": 2})
    assert await here.get("key", int) == 2
    assert await there.get("never read there", int) == 2
    trio.clock.ahead += LOCAL_LIFE + 1
    assert await there.get("key", int) == 2


async def test_a_deleted_value_is_gone_in_another_process_soon(trio: Trio) -> None:
    here, there = await trio.cache(), await trio.second.caches.of(SESSION)
    await here.set("key", 1)
    assert await there.get("key", int) == 1
    await here.delete("key")
    trio.clock.ahead += LOCAL_LIFE + 1
    assert await there.get("key", int) is None


class HeldStores(Gate):
    """Lets what is stored arrive when a test says so."""

    def __init__(self, behind: Driver) -> None:
        super().__init__(behind)
        self.held = asyncio.Event()
        self.release = asyncio.Event()

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        self.held.set()
        await self.release.wait()
        return await super().put_if_current(scope, key, entry)


async def test_a_loaded_value_that_arrives_after_a_delete_does_not_stay() -> None:
    authority = HeldStores(memory())
    cache = await Stack([memory(name="near"), authority]).caches.of(SESSION)
    loader = SlowLoader("from before the delete")
    loader.finish()
    loading = asyncio.create_task(cache.get_or_load("key", loader, kind=str))
    await authority.held.wait()
    await cache.delete("key")
    authority.release.set()
    assert await loading == "from before the delete"
    assert await cache.get("key", str) is None


async def test_a_value_whose_storing_is_heard_of_after_a_delete_does_not_stay() -> None:
    authority = memory()
    cache = await Stack([memory(name="near"), authority]).caches.of(SESSION)
    with gate_after(authority, "put_if_current") as gate:
        setting = asyncio.create_task(cache.set("key", "from before the delete"))
        await gate.met()
        await cache.delete("key")
        gate.open()
        assert await setting
    assert await cache.get("key", str) is None


async def test_a_copy_never_outlives_the_original(trio: Trio) -> None:
    cache = await trio.cache()
    await cache.set("key", 1, ttl=10)
    trio.clock.ahead += 9
    await trio.nearest.delete(SESSION, "key")
    assert await cache.get("key", int) == 1
    trio.clock.ahead += 2
    assert await cache.get("key", int) is None


async def test_one_driver_alone_is_enough() -> None:
    clock = Clock()
    cache = await Stack([memory(clock)], clock).caches.of(SESSION)
    await cache.set("key", 1)
    assert await cache.get("key", int) == 1
    await cache.delete("key")
    assert await cache.get("key", int) is None
