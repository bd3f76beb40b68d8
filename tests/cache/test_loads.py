"""Concurrent loads of one value: one load, whatever becomes of it and of those who wait for it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.api.http_errors import NotFound, Unauthorized
from connector.cache import Cache
from connector.model.errors import RequestOver
from drivers import Scope
from drivers.cancellation import StrayCancellation
from drivers.sqlite import SqliteDriver, SqliteSettings
from drivers.testing.subject import opened
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import SESSION, SYSTEM, Stack, memory
from tests.drivers.stores import aiocache_driver
from tests.servers import RealServer


@pytest.fixture
def stack() -> Stack:
    return Stack([memory(name="near"), memory()])


@pytest.fixture
async def cache(stack: Stack) -> Cache:
    return await stack.caches.of(SESSION)


async def begun(cache: Cache, loaders: Sequence[SlowLoader[Any]], kind: type[Any] = str) -> "list[asyncio.Task[Any]]":
    """Begin to load with each of these in turn; the first has been called, the others wait for it."""
    tasks = []
    for loader in loaders:
        tasks.append(asyncio.create_task(cache.get_or_load("key", loader, kind=kind)))
        await asyncio.sleep(0)
    await loaders[0].called.wait()
    return tasks


async def test_a_loaded_value_is_kept(cache: Cache) -> None:
    loader = SlowLoader("value")
    loader.finish()
    assert [await cache.get_or_load("key", loader, kind=str) for _ in range(3)] == ["value"] * 3
    assert loader.calls == 1


async def test_none_is_loaded_once(cache: Cache) -> None:
    loader = SlowLoader[str | None](None)
    loader.finish()
    found = [await cache.get_or_load("key", loader, kind=str | None) for _ in range(3)]
    assert found == [None] * 3
    assert loader.calls == 1


async def test_a_thousand_readers_of_a_cold_key_are_one_load(cache: Cache) -> None:
    loader = SlowLoader("value")
    readers = [asyncio.create_task(cache.get_or_load("key", loader, kind=str)) for _ in range(1_000)]
    await loader.called.wait()
    loader.finish()
    assert await asyncio.gather(*readers) == ["value"] * 1_000
    assert loader.calls == 1


async def test_a_thousand_readers_of_a_cold_key_are_one_load_over_sqlite(tmp_path: Path) -> None:
    async with opened(SqliteDriver("sqlite", SqliteSettings(path=tmp_path / "cache.sqlite3"))) as sqlite:
        await _a_thousand_are_one(Stack([memory(), sqlite]))


async def test_a_thousand_readers_of_a_cold_key_are_one_load_over_redis(redis: RealServer) -> None:
    async with opened(aiocache_driver(redis, "redis", operation_timeout=60)) as shared:  # all wait for ten connections
        await _a_thousand_are_one(Stack([memory(), shared]))


async def _a_thousand_are_one(stack: Stack) -> None:
    """In requests of their own, as they would be."""
    loader = SlowLoader("value")

    async def request() -> str:
        cache = await stack.caches.of(SYSTEM)
        return await cache.get_or_load("key", loader, kind=str)

    readers = [asyncio.create_task(request()) for _ in range(1_000)]
    await loader.called.wait()
    loader.finish()
    assert await asyncio.gather(*readers) == ["value"] * 1_000
    assert loader.calls == 1


async def test_those_who_share_a_load_have_objects_of_their_own(cache: Cache) -> None:
    loader = SlowLoader(["a"])
    first, second = await begun(cache, [loader, loader], list[str])
    loader.finish()
    (await first).append("b")
    assert await second == ["a"]
    assert loader.value == ["a"]


async def test_different_keys_load_at_the_same_time(cache: Cache) -> None:
    one, two = SlowLoader("one"), SlowLoader("two")
    tasks = [asyncio.create_task(cache.get_or_load(loader.value, loader, kind=str)) for loader in (one, two)]
    await one.called.wait()
    await two.called.wait()
    two.finish()
    assert await tasks[1] == "two"
    one.finish()
    assert await tasks[0] == "one"


async def test_a_loader_that_fails_wakes_all_who_joined_with_its_error_and_is_not_kept(cache: Cache) -> None:
    failing, working = SlowLoader("value"), SlowLoader("value")
    tasks = await begun(cache, [failing] * 5)
    failing.fail(ConnectionError("away"))
    for task in tasks:
        with pytest.raises(ConnectionError, match="away"):
            await task
    assert failing.calls == 1
    working.finish()
    assert await cache.get_or_load("key", working, kind=str) == "value"


async def test_a_loader_that_is_cancelled_by_nobody_has_failed_and_nobody_takes_over(cache: Cache) -> None:
    failing = SlowLoader("value")
    tasks = await begun(cache, [failing] * 5)
    failing.fail(asyncio.CancelledError())
    for task in tasks:
        with pytest.raises(StrayCancellation):
            await task
    assert failing.calls == 1


async def test_of_a_load_that_fails_each_who_joined_has_an_error_of_his_own(cache: Cache) -> None:
    loader = SlowLoader("value")
    tasks = await begun(cache, [loader] * 5)
    loader.fail(NotFound("no such project", detail={"project": 7}))
    await asyncio.wait(tasks)
    errors = [error for task in tasks if isinstance(error := task.exception(), NotFound)]

    assert [(error.message, error.detail) for error in errors] == [("no such project", {"project": 7})] * 5
    assert len({id(error) for error in errors}) == 5


async def test_a_session_that_is_dead_fails_no_load_of_another_one_that_shares_the_value(stack: Stack) -> None:
    shared = await stack.caches.of(SYSTEM)
    dead, also_dead, alive, waiting = (SlowLoader(str(number)) for number in range(4))
    first, second, third, fourth = await begun(shared, [dead, also_dead, alive, waiting])
    dead.fail(Unauthorized("the tracker does not know this login any more"))
    await also_dead.called.wait()
    also_dead.fail(Unauthorized("nor this one"))
    await alive.called.wait()
    alive.finish()
    assert [await third, await fourth] == ["2", "2"]
    assert [str(first.exception()), str(second.exception())] == ["the tracker does not know this login any more", "nor this one"]
    assert waiting.calls == 0


async def test_a_session_that_is_dead_fails_each_of_its_own_loads(cache: Cache) -> None:
    loader = SlowLoader("value")
    tasks = await begun(cache, [loader] * 5)
    loader.fail(Unauthorized("the tracker does not know this login any more"))
    await asyncio.wait(tasks)
    assert {type(task.exception()) for task in tasks} == {Unauthorized}
    assert loader.calls == 1


async def test_when_the_one_that_loads_is_cancelled_another_takes_over(cache: Cache) -> None:
    cancelled, taking_over, waiting = (SlowLoader(str(number)) for number in range(3))
    first, second, third = await begun(cache, [cancelled, taking_over, waiting])
    first.cancel()
    await taking_over.called.wait()
    taking_over.finish()
    assert [await second, await third] == ["1", "1"]
    assert first.cancelled()
    assert (cancelled.calls, taking_over.calls, waiting.calls) == (1, 1, 0)


@pytest.mark.parametrize("scope", [SESSION, SYSTEM])
async def test_when_the_request_of_the_one_that_loads_is_over_another_takes_over(stack: Stack, scope: Scope) -> None:
    over, going_on = await stack.caches.of(scope), await stack.caches.of(scope)
    called, may_go_on = asyncio.Event(), asyncio.Event()

    async def asks_its_cache() -> str:
        called.set()
        await may_go_on.wait()
        return str(await over.get("another", str))

    first = asyncio.create_task(over.get_or_load("key", asks_its_cache, kind=str))
    await called.wait()
    loader = SlowLoader("value")
    second = asyncio.create_task(going_on.get_or_load("key", loader, kind=str))
    await asyncio.sleep(0)
    over.close()
    may_go_on.set()
    loader.finish()
    assert await second == "value"
    with pytest.raises(RequestOver):
        await first


async def test_one_that_joined_may_be_cancelled_and_the_load_goes_on(cache: Cache) -> None:
    loader = SlowLoader("value")
    first, second, third = await begun(cache, [loader] * 3)
    second.cancel()
    await asyncio.wait([second])
    loader.finish()
    assert [await first, await third] == ["value", "value"]
    assert second.cancelled()
    assert loader.calls == 1


async def test_all_may_be_cancelled_and_the_next_reader_loads(cache: Cache) -> None:
    loader = SlowLoader("value")
    tasks = await begun(cache, [loader] * 3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    loader.finish()
    assert await cache.get_or_load("key", loader, kind=str) == "value"


async def test_a_value_that_was_deleted_while_it_was_loaded_is_not_kept(cache: Cache) -> None:
    old, new = SlowLoader("old"), SlowLoader("new")
    (reader,) = await begun(cache, [old])
    await cache.delete("key")
    later = asyncio.create_task(cache.get_or_load("key", new, kind=str))
    await new.called.wait()
    old.finish()
    assert await reader == "old"
    assert await cache.get("key", str) is None
    new.finish()
    assert await later == "new"
    assert await cache.get("key", str) == "new"


async def test_a_value_that_was_set_while_another_was_loaded_stays(cache: Cache) -> None:
    loader = SlowLoader("loaded")
    (reader,) = await begun(cache, [loader])
    await cache.set("key", "set")
    loader.finish()
    assert await reader == "loaded"
    assert await cache.get("key", str) == "set"
