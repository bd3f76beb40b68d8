"""An author's mistakes with the cache: each has a message that names the thing and the remedy."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import msgspec
import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs
from structlog.typing import EventDict

from connector.cache import Cache, Caches, Entries, Loads, cached
from connector.model.errors import RequestOver
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import SESSION, SYSTEM, Stack, memory


class User(BaseModel):
    name: str


@attrs.define
class Tag:
    name: str


class Colour:
    pass


@pytest.fixture
def stack() -> Stack:
    return Stack([memory(name="near"), memory()])


@pytest.fixture
async def cache(stack: Stack) -> Cache:
    return await stack.caches.of(SESSION)


def loader(value: object) -> Callable[[], Awaitable[Any]]:
    async def load() -> Any:
        return value

    return load


async def asked(cache: Cache, key: str, load: Callable[[], Awaitable[Any]], kind: Any = str) -> Any:
    async with asyncio.timeout(30):
        return await cache.get_or_load(key, load, kind=kind)


async def test_a_loader_that_asks_for_its_own_key_is_told_so(cache: Cache) -> None:
    async def load() -> str:
        return str(await asked(cache, "users", load))

    with pytest.raises(RuntimeError, match=r"the loader of 'users' asks for 'users'.*neither would end; let"):
        await asked(cache, "users", load)


async def test_a_loader_that_asks_for_its_own_key_in_a_task_is_told_so(cache: Cache) -> None:
    async def load() -> str:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(asked(cache, "users", load))
        return str(asking.result())

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="'users' asks for 'users'")):
        await asked(cache, "users", load)


async def test_two_loaders_that_ask_for_each_others_keys_are_told_so(stack: Stack) -> None:
    both_have_begun = asyncio.Barrier(2)

    async def load(other: str) -> str:
        await both_have_begun.wait()
        return str(await asked(await stack.caches.of(SYSTEM), other, loader("never")))

    async def request(key: str, other: str) -> str:
        return str(await asked(await stack.caches.of(SYSTEM), key, lambda: load(other)))

    async with asyncio.TaskGroup() as requests:
        told = [
            requests.create_task(_error_of(request("users", "groups"))),
            requests.create_task(_error_of(request("groups", "users"))),
        ]
    assert {type(task.result()) for task in told} == {RuntimeError}


async def _error_of(call: Awaitable[object]) -> Exception | None:
    try:
        await call
    except RuntimeError as problem:
        return problem
    return None


async def test_a_loader_may_ask_for_other_keys_and_for_one_twice(cache: Cache) -> None:
    async def load() -> str:
        async with asyncio.TaskGroup() as tasks:
            parts = [tasks.create_task(asked(cache, "part", loader("a"))) for _ in range(2)]
        return "".join(part.result() for part in parts)

    assert await asked(cache, "whole", load) == "aa"


async def test_a_task_that_outlives_its_loader_may_ask_for_the_key(cache: Cache) -> None:
    later: list[asyncio.Task[str]] = []
    ended = asyncio.Event()

    async def ask_again() -> str:
        await ended.wait()
        await cache.delete("users")
        return str(await asked(cache, "users", loader("second")))

    async def load() -> str:
        later.append(asyncio.create_task(ask_again()))
        return "first"

    assert await asked(cache, "users", load) == "first"
    ended.set()
    assert await later[0] == "second"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (User(name="ann"), "User is a pydantic model; cache what its `model_dump()` returns, or cache a dataclass"),
        ([{"of": Colour()}], "nothing is known of tests.cache.test_mistakes.Colour; cache a dataclass"),
        (2**70, "an integer in it has more than 64 bits"),
        ("\ud800", "a text in it holds half of a character"),
    ],
    ids=["pydantic", "unknown", "large", "half"],
)
async def test_a_value_that_cannot_be_encoded_is_refused_with_its_key(cache: Cache, value: object, why: str) -> None:
    told = re.escape(f"the value of 'users' cannot be cached: {why}")
    with pytest.raises(TypeError, match=told):
        await cache.set("users", value)
    with pytest.raises(TypeError, match=told):
        await cache.set_many({"other": 1, "users": value})
    with pytest.raises(TypeError, match=told):
        await asked(cache, "users", loader(value), Any)
    assert await cache.get_many(["users", "other"], Any) == {}


async def test_a_value_that_holds_itself_is_refused(cache: Cache) -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="'users' cannot be cached: it holds itself, or is nested too deeply"):
        await cache.set("users", endless)


async def test_an_attrs_class_is_cached(cache: Cache) -> None:
    assert await asked(cache, "tags", loader([Tag("a")]), list[Tag]) == [Tag("a")]
    assert await cache.get("tags", list[Tag]) == [Tag("a")]


async def test_a_pydantic_model_as_a_kind_is_refused_by_name(cache: Cache) -> None:
    await cache.set("users", [{"name": "ann"}])
    with pytest.raises(TypeError, match=r"kind=list\[.*User\]: User is a pydantic model; cache what its"):
        await cache.get("users", list[User])


@pytest.mark.parametrize("kind", ["list[str]", [str], 5])
async def test_a_kind_that_is_no_type_is_refused(cache: Cache, kind: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a type, such as `list\[str\]` or a class"):
        await asked(cache, "users", loader(["ann"]), kind)


async def test_a_loaded_value_of_the_wrong_kind_is_told_with_its_place_alone(cache: Cache) -> None:
    with pytest.raises(msgspec.ValidationError) as told:
        await asked(cache, "tags", loader([{"name": "a"}, {"name": 7}, {"name": "s3cret"}]), list[Tag])

    assert str(told.value) == (
        f"what was loaded for 'tags' does not fit kind=list[{Tag.__module__}.Tag], at $[1].name: let the loader return that type"
    )


async def test_a_cached_function_whose_arguments_cannot_be_encoded_is_named(cache: Cache) -> None:
    @cached(key="issues")
    async def issues(owner: Cache, colour: Colour) -> list[str]:
        return []

    with pytest.raises(TypeError, match="issues: its arguments tell results apart, and one of them cannot be encoded"):
        await issues(cache, Colour())


async def test_a_closed_cache_is_told_so_whatever_is_asked_of_it(cache: Cache) -> None:
    await cache.set("users", "ann")
    cache.close()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: cache.get("users", str),
        lambda: cache.get_many(["users"], str),
        lambda: cache.set("users", "bob"),
        lambda: cache.set_many({"users": "bob"}),
        lambda: cache.delete("users"),
        lambda: cache.get_or_load("users", loader("bob"), kind=str),
    ]
    for call in calls:
        with pytest.raises(RequestOver, match=r"used after its request; call `connector.session\(request\)` in each request"):
            await call()


async def test_a_loader_that_takes_long_is_one_line_while_it_runs(stack: Stack) -> None:
    caches = Caches(Entries(stack.storage), Loads(slow=0.01))
    slow, told = SlowLoader("ann"), asyncio.Event()

    def note(_logger: object, _method: str, line: EventDict) -> EventDict:
        told.set()
        return line

    with capture_logs([note]) as logs:
        tasks = [asyncio.create_task(asked(await caches.of(SYSTEM), "users", slow)) for _ in range(3)]
        await told.wait()
        slow.finish()
        assert await asyncio.gather(*tasks) == ["ann"] * 3

    assert [(line["log_level"], line["key"], line["seconds"]) for line in logs] == [("warning", "'users'", 0.01)]
    assert "give its requests a deadline" in logs[0]["event"]


async def test_a_loader_that_is_quick_is_no_line(stack: Stack) -> None:
    with capture_logs() as logs:
        await asked(await Caches(Entries(stack.storage), Loads(slow=30)).of(SYSTEM), "users", loader("ann"))

    assert logs == []
