"""Typed values in and out, and how long they live."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from connector.cache import DEFAULT_TTL, Cache
from drivers import MAX_TTL
from tests.cache.stacks import SESSION, Clock, Stack, memory

MISSING = "missing"


class Colour(Enum):
    RED = "red"


class Issue(msgspec.Struct):
    id: int
    tags: list[str] = []


@dataclass
class Field:
    name: str
    choices: dict[str, int]


class Point(NamedTuple):
    x: int
    y: int


class User(TypedDict):
    name: str


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(clock: Clock) -> Cache:
    return await Stack([memory(clock, "near"), memory(clock)], clock).caches.of(SESSION)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", str),
        (b"\0bytes", bytes),
        (2**63, int),
        (1.5, float),
        (True, bool),
        (None, type(None)),
        (Colour.RED, Colour),
        (datetime(2024, 2, 29, tzinfo=UTC), datetime),
        (Decimal("1.10"), Decimal),
        (UUID(int=7), UUID),
        (Issue(1, ["a"]), Issue),
        ([Issue(1), Issue(2)], list[Issue]),
        (Field("state", {"open": 1}), Field),
        (Point(1, 2), Point),
        ({"name": "ann"}, User),
        ({1: ("a", 2)}, dict[int, tuple[str, int]]),
        (frozenset({1, 2}), frozenset[int]),
        ({"any": [1, None, "thing"]}, Any),
    ],
    ids=repr,
)
async def test_what_msgspec_encodes_comes_back_as_the_type_asked_for(cache: Cache, value: object, kind: type[object]) -> None:
    assert await cache.set("key", value)
    found = await cache.get("key", kind, MISSING)
    assert (found, type(found)) == (value, type(value))


async def test_none_is_a_value_and_told_from_what_is_absent(cache: Cache) -> None:
    assert await cache.get("key", int | None, MISSING) == MISSING
    await cache.set("key", None)
    assert await cache.get("key", int | None, MISSING) is None
    assert await cache.get_many(["key", "other"], int | None) == {"key": None}


async def test_every_reader_has_an_object_of_its_own(cache: Cache) -> None:
    tags = ["a"]
    await cache.set("key", Issue(1, tags))
    tags.append("b")
    first = await cache.get("key", Issue)
    assert first is not None
    first.tags.append("c")
    assert await cache.get("key", Issue) == Issue(1, ["a"])


async def test_a_value_of_another_type_than_asked_for_is_a_miss(cache: Cache) -> None:
    await cache.set("key", {"id": "seven"})
    assert await cache.get("key", Issue) is None
    assert await cache.get_many(["key"], Issue) == {}

    async def load() -> Issue:
        return Issue(7)

    assert await cache.get_or_load("key", load, kind=Issue) == Issue(7)
    assert await cache.get("key", Issue) == Issue(7)


async def test_a_value_that_cannot_be_encoded_is_the_authors_error_and_changes_nothing(cache: Cache) -> None:
    await cache.set("key", 1)
    with pytest.raises(TypeError):
        await cache.set("key", object())
    with pytest.raises(TypeError):
        await cache.set_many({"key": 2, "other": object()})
    assert await cache.get_many(["key", "other"], int) == {"key": 1}


async def test_a_loader_that_returns_another_type_than_it_says_is_told_so(cache: Cache) -> None:
    async def load() -> Any:
        return "text"

    with pytest.raises(msgspec.ValidationError):
        await cache.get_or_load("key", load, kind=int)


async def test_many_are_set_and_found_by_their_keys_in_the_order_asked_for(cache: Cache) -> None:
    assert await cache.set_many({str(number): number for number in range(100)})
    found = await cache.get_many((str(number) for number in (99, 7, 1000, 0)), int)
    assert [*found.items()] == [("99", 99), ("7", 7), ("0", 0)]
    assert await cache.set_many({})
    assert await cache.get_many([], int) == {}


async def test_many_that_the_local_cache_has_are_found_without_a_task_for_any(cache: Cache) -> None:
    keys = [str(number) for number in range(100)]
    await cache.set_many(dict.fromkeys(keys, 1))
    loop, begun = asyncio.get_running_loop(), 0

    def counted(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
        nonlocal begun
        begun += 1
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(counted)
    try:
        found = await cache.get_many(keys, int)
    finally:
        loop.set_task_factory(None)

    assert (len(found), begun) == (100, 0)


async def test_many_come_from_the_local_cache_and_from_the_authority(clock: Clock) -> None:
    near, far = memory(clock, "near"), memory(clock)
    stack = Stack([near, far], clock)
    cache = await stack.caches.of(SESSION)
    await cache.set_many({"near": 1, "far": 2, "another type": "text"})
    await near.delete(SESSION, "far")
    stack.storage.reads["near"].hits = stack.storage.reads["near"].misses = 0

    assert await cache.get_many(["far", "another type", "nowhere", "near"], int) == {"far": 2, "near": 1}
    assert (stack.storage.reads["near"].hits, stack.storage.reads["near"].misses) == (2, 2)


async def test_a_key_is_any_text(cache: Cache) -> None:
    keys = ["", "\0", "*", "a:b", "k" * 10_000, "\ud800", "é"]
    await cache.set_many({key: number for number, key in enumerate(keys)})
    assert [*(await cache.get_many(keys, int)).values()] == [*range(len(keys))]


async def test_a_deleted_value_is_gone(cache: Cache) -> None:
    await cache.set_many({"key": 1, "other": 2})
    await cache.delete("key")
    await cache.delete("never there")
    assert await cache.get_many(["key", "other"], int) == {"other": 2}


async def test_a_value_lives_for_its_ttl(clock: Clock, cache: Cache) -> None:
    await cache.set_many({"short": 1}, ttl=10)
    await cache.set("default", 2)
    await cache.set("long", 3, ttl=MAX_TTL)
    for ahead, left in ((5, 3), (11, 2), (DEFAULT_TTL - 5, 2), (DEFAULT_TTL + 1, 1), (MAX_TTL - 5, 1), (MAX_TTL + 1, 0)):
        clock.ahead = ahead
        assert len(await cache.get_many(["short", "default", "long"], int)) == left


@pytest.mark.parametrize("luck", [0.0, 0.5, 0.999])
async def test_jitter_shortens_a_life_by_a_tenth_at_most(luck: float) -> None:
    clock = Clock()
    stack = Stack([memory(clock)], clock, luck=luck)
    cache = await stack.caches.of(SESSION)
    await cache.set("key", 1, ttl=1000)
    clock.ahead = 1000 - 100 * luck - 2
    assert await cache.get("key", int) == 1
    clock.ahead += 4
    assert await cache.get("key", int) is None


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf, MAX_TTL + 1])
async def test_a_ttl_that_is_none_is_an_error_that_says_what_was_expected(cache: Cache, ttl: float) -> None:
    async def load() -> int:
        raise AssertionError("nothing may be loaded for it")

    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: cache.set("key", 1, ttl=ttl),
        lambda: cache.set_many({"key": 1}, ttl=ttl),
        lambda: cache.get_or_load("key", load, kind=int, ttl=ttl),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"expected seconds, more than 0 and at most 2505600 \(29 days\)"):
            await call()
