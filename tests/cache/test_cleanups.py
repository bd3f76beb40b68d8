"""What becomes of cached values, of loads and of late writers when a cleanup comes."""

import asyncio

import pytest

from drivers import SessionScope, SystemScope
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import OTHER, SESSION, SYSTEM, Stack, memory


@pytest.fixture
def stack() -> Stack:
    return Stack([memory(name="near"), memory()])


async def clean_up(stack: Stack, scope: SessionScope | SystemScope) -> None:
    """Evict from the authority alone: whatever lies in a local cache stays there."""
    await stack.storage.authority.evict(scope)


@pytest.mark.parametrize("cleaned", [SESSION, SessionScope("s1"), SYSTEM], ids=["session", "session by its id", "system"])
async def test_nothing_stored_before_a_cleanup_is_found_after_it(stack: Stack, cleaned: SessionScope | SystemScope) -> None:
    cache = await stack.caches.of(SESSION)
    await cache.set("key", 1)
    await clean_up(stack, cleaned)
    assert await cache.get("key", int) is None
    assert await cache.get_many(["key"], int) == {}
    assert await (await stack.caches.of(SESSION)).get("key", int) is None


async def test_the_cleanup_of_one_session_leaves_others_and_their_system_alone(stack: Stack) -> None:
    scopes = (SESSION, OTHER, SYSTEM)
    for scope in scopes:
        await (await stack.caches.of(scope)).set("key", 1)
    await clean_up(stack, SESSION)
    assert [await (await stack.caches.of(scope)).get("key", int) for scope in scopes] == [None, 1, 1]


async def test_the_same_key_of_two_scopes_is_two_values(stack: Stack) -> None:
    of_session, of_system = await stack.caches.of(SESSION), await stack.caches.of(SYSTEM)
    await of_session.set("key", 1)
    await of_system.set("key", 2)
    assert (await of_session.get("key", int), await of_system.get("key", int)) == (1, 2)


async def test_a_request_that_has_read_before_a_cleanup_stores_nothing_after_it(stack: Stack) -> None:
    overtaken = await stack.caches.of(SESSION)
    await clean_up(stack, SESSION)
    assert not await overtaken.set("key", "stale")
    assert not await overtaken.set_many({"key": "stale"})
    later = await stack.caches.of(SESSION)
    assert await later.get("key", str) is None
    assert await later.set("key", "fresh")
    assert not await overtaken.set("key", "stale")
    assert await later.get("key", str) == "fresh"
    assert await overtaken.get("key", str) == "fresh"


async def test_a_value_loaded_across_a_cleanup_goes_only_to_those_who_asked_before_it(stack: Stack) -> None:
    stale, fresh = SlowLoader("stale"), SlowLoader("fresh")
    before = await stack.caches.of(SESSION)
    own = asyncio.create_task(before.get_or_load("key", stale, kind=str))
    await stale.called.wait()
    joined = asyncio.create_task(before.get_or_load("key", fresh, kind=str))
    await asyncio.sleep(0)
    await clean_up(stack, SESSION)
    after = await stack.caches.of(SESSION)
    new = asyncio.create_task(after.get_or_load("key", fresh, kind=str))
    await fresh.called.wait()
    stale.finish()
    assert (await own, await joined) == ("stale", "stale")
    assert await after.get("key", str) is None
    fresh.finish()
    assert await new == "fresh"
    assert await after.get("key", str) == "fresh"
    assert (stale.calls, fresh.calls) == (1, 1)


async def test_an_overtaken_request_loads_for_itself_alone(stack: Stack) -> None:
    overtaken = await stack.caches.of(SESSION)
    await clean_up(stack, SESSION)
    slow = SlowLoader("from what was read before")
    alone = asyncio.create_task(overtaken.get_or_load("key", slow, kind=str))
    await slow.called.wait()
    fresh = SlowLoader("fresh")
    fresh.finish()
    later = await stack.caches.of(SESSION)
    assert await later.get_or_load("key", fresh, kind=str) == "fresh"
    slow.finish()
    assert await alone == "from what was read before"
    assert await later.get("key", str) == "fresh"
    assert await overtaken.get_or_load("key", slow, kind=str) == "fresh"
