"""What several wait for: one result, and an exception for each."""

import asyncio
from typing import Any, Self

import aiohttp
import pytest

from connector.api.http_errors import ApiError, NotFound
from connector.model.errors import ConfigurationError
from drivers import DriverUnavailable
from drivers.shared import another, result_of


class OfItsOwn(Exception):
    """Remembers other arguments than its constructor wants."""

    def __init__(self, *, project: int) -> None:
        super().__init__(f"no project {project}")
        self.project = project


class OneOfAKind(Exception):
    """Cannot be made without what it was made of."""

    def __new__(cls, *, project: int) -> Self:
        return super().__new__(cls, project)

    def __init__(self, *, project: int) -> None:
        super().__init__(project)


def decoding_error() -> UnicodeDecodeError:
    with pytest.raises(UnicodeDecodeError) as raised:
        b"\xff".decode()
    return raised.value


PROBLEMS = [
    ZeroDivisionError("division by zero"),
    OSError(2, "No such file or directory", "file"),
    KeyError("key"),
    decoding_error(),
    DriverUnavailable("away"),
    NotFound("no such project", detail={"project": 7}),
    ApiError(NotFound("").status, "E-17", "no such project"),
    ConfigurationError(["one problem", "another problem"]),
    OfItsOwn(project=7),
    aiohttp.ServerTimeoutError("late"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_another_exception_is_equal_but_another(problem: Exception) -> None:
    twin = another(problem)

    assert twin is not problem
    assert twin.__cause__ is problem
    assert (type(twin), str(twin), twin.args, vars(twin)) == (type(problem), str(problem), problem.args, vars(problem))


def test_what_nobody_else_can_make_stays_what_it_is() -> None:
    problem = OneOfAKind(project=7)

    assert another(problem) is problem


async def failed(problem: Exception) -> "asyncio.Future[Any]":
    future = asyncio.get_running_loop().create_future()
    future.set_exception(problem)
    return future


async def test_each_who_waits_raises_an_exception_of_his_own() -> None:
    problem = DriverUnavailable("away")
    shared = await failed(problem)
    raised = await asyncio.gather(*(exception_of(shared) for _ in range(10)))

    assert {str(each) for each in raised} == {"away"}
    assert len({id(each) for each in (problem, *raised)}) == 11
    assert problem.__traceback__ is None


async def exception_of(shared: "asyncio.Future[Any]") -> DriverUnavailable:
    with pytest.raises(DriverUnavailable) as raised:
        await result_of(shared)
    return raised.value


async def test_whoever_gives_up_waiting_leaves_the_others_their_result() -> None:
    shared: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    gone, waiting = asyncio.create_task(result_of(shared)), asyncio.create_task(result_of(shared))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    shared.set_result("value")

    assert await waiting == "value"


async def test_what_is_cancelled_is_cancelled_for_all_who_wait() -> None:
    shared: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waiting = [asyncio.create_task(result_of(shared)) for _ in range(2)]
    await asyncio.sleep(0)
    shared.cancel()
    await asyncio.wait(waiting)

    assert [task.cancelled() for task in waiting] == [True, True]
