"""`@cached`: an author's loader functions, kept in the cache of their first argument."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
import pytest

from connector.cache import Cache, cached
from drivers import Scope
from tests.cache.stacks import OTHER, SESSION, SYSTEM, Clock, Stack, memory


@dataclass(frozen=True)
class Session:
    """As the handlers of an author get it, as far as the decorator is concerned."""

    cache: Cache
    asked: list[object]
    """What was asked of the end system."""


async def session(stack: Stack, scope: Scope = SESSION) -> Session:
    return Session(await stack.caches.of(scope), [])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stack(clock: Clock) -> Stack:
    return Stack([memory(clock)], clock)


@cached()
async def projects(session: Session) -> "list[Project]":
    """All projects."""
    session.asked.append("projects")
    return [Project("one"), Project("two")]


@cached(ttl=60)
async def project(session: Session, name: str, *, archived: bool = False) -> "Project | None":
    session.asked.append((name, archived))
    return Project(name) if name else None


@cached(key="search")
async def search(session: Session, /, *words: str, **filters: int) -> int:
    session.asked.append((words, filters))
    return len(session.asked)


@cached()
async def in_cache(cache: Cache) -> Annotated[int, msgspec.Meta(ge=0)]:
    return 7


class Project(msgspec.Struct):
    name: str


async def test_the_function_is_called_once_and_its_result_comes_back_typed(stack: Stack) -> None:
    one = await session(stack)
    assert [await projects(one) for _ in range(3)] == [[Project("one"), Project("two")]] * 3
    assert one.asked == ["projects"]


async def test_none_is_a_result_too(stack: Stack) -> None:
    one = await session(stack)
    assert [await project(one, "") for _ in range(2)] == [None, None]
    assert one.asked == [("", False)]


async def test_results_are_told_apart_by_the_arguments_however_they_are_passed(stack: Stack) -> None:
    one = await session(stack)
    for _ in range(2):
        assert await project(one, "a") == Project("a")
        assert await project(one, name="a") == Project("a")
        assert await project(one, "a", archived=False) == Project("a")
        assert await project(one, "a", archived=True) == Project("a")
        assert await project(one, name="b") == Project("b")
    assert one.asked == [("a", False), ("a", True), ("b", False)]


async def test_no_two_lists_of_arguments_are_taken_for_each_other(stack: Stack) -> None:
    one = await session(stack)
    calls = [("a", "b"), ("ab",), ("a,b",), ("['a', 'b']",), ("a", ""), ()]
    found = [await search(one, *call) for call in calls]
    found += [await search(one, x=1, y=2), await search(one, x=2, y=1)]
    assert sorted(found) == [*range(1, 9)]
    assert await search(one, y=2, x=1) == found[-2]


@dataclass(frozen=True)
class User:
    number: int


@dataclass(frozen=True)
class Group:
    number: int


class Both(msgspec.Struct, frozen=True):
    left: object
    right: object


@cached()
async def name_of(cache: Cache, of: object) -> str:
    return repr(of)


ALIKE = [
    [User(1), Group(1)],
    [[User(1), Group(2)], [Group(1), User(2)]],
    [{"a": User(1), "b": Group(2)}, {"a": Group(1), "b": User(2)}],
    [Both(User(1), Group(2)), Both(Group(1), User(2))],
    [frozenset({User(1)}), frozenset({Group(1)})],
    [UUID(int=7), str(UUID(int=7))],
]


@pytest.mark.parametrize("alike", ALIKE)
async def test_arguments_of_two_types_are_not_taken_for_each_other(stack: Stack, alike: list[object]) -> None:
    cache = await stack.caches.of(SESSION)
    assert [await name_of(cache, each) for each in alike] == [repr(each) for each in alike]


async def test_equal_arguments_have_one_result_in_whatever_order_they_were_made(stack: Stack) -> None:
    cache = await stack.caches.of(SESSION)
    first = await name_of(cache, {"a": User(1), "b": Group(2)})
    assert await name_of(cache, {"b": Group(2), "a": User(1)}) == first
    numbers = [{*range(100)}, {*reversed(range(100))}]
    assert len({await name_of(cache, each) for each in numbers}) == 1


async def test_functions_sessions_and_systems_do_not_share_results(stack: Stack) -> None:
    owners = [await session(stack, scope) for scope in (SESSION, OTHER, SYSTEM)]
    for owner in owners:
        await projects(owner)
        await project(owner, "a")
    assert [owner.asked for owner in owners] == [["projects", ("a", False)]] * 3


async def test_a_cache_will_do_for_a_session(stack: Stack) -> None:
    cache = await stack.caches.of(SYSTEM)
    assert await in_cache(cache) == 7


async def test_it_lives_for_its_ttl(stack: Stack, clock: Clock) -> None:
    one = await session(stack)
    await project(one, "a")
    clock.ahead += 61
    await project(one, "a")
    assert len(one.asked) == 2


async def test_a_forgotten_result_is_loaded_anew(stack: Stack) -> None:
    one = await session(stack)
    await project(one, "a")
    await project(one, "b")
    await project.forget(one, name="a")
    await project(one, "a")
    await project(one, "b")
    assert one.asked == [("a", False), ("b", False), ("a", False)]


async def test_a_cleanup_forgets_all(stack: Stack) -> None:
    await projects(await session(stack))
    await stack.storage.authority.evict(SYSTEM)
    after = await session(stack)
    await projects(after)
    assert after.asked == ["projects"]


async def test_concurrent_calls_are_one(stack: Stack) -> None:
    one = await session(stack)
    await asyncio.gather(*(projects(one) for _ in range(100)))
    assert one.asked == ["projects"]


async def test_it_keeps_the_name_and_the_text_of_the_function() -> None:
    assert (projects.__name__, projects.__doc__) == ("projects", "All projects.")


async def test_arguments_that_cannot_be_told_apart_are_refused(stack: Stack) -> None:
    @cached()
    async def thing(session: Session, which: object) -> int:
        return 1

    with pytest.raises(TypeError):
        await thing(await session(stack), object())
    assert await thing(await session(stack), UUID(int=1)) == 1


def test_what_could_be_mistaken_for_something_else_is_refused_at_once() -> None:
    secret = 1

    async def depends_on_more(session: Session) -> int:
        return secret

    async def says_nothing(session: Session):  # type: ignore[no-untyped-def]  # noqa: ANN202
        return 1

    def waits_for_nothing(session: Session) -> int:
        return 1

    with pytest.raises(TypeError, match="expected a `key`"):
        cached()(depends_on_more)
    assert cached(key="mine")(depends_on_more).__name__ == "depends_on_more"
    with pytest.raises(TypeError, match="says what it returns"):
        cached()(says_nothing)
    with pytest.raises(TypeError, match="`async def` function"):
        cached()(waits_for_nothing)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ttl is 0"):
        cached(ttl=0)(says_nothing)
