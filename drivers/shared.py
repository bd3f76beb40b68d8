"""What several wait for: its result is one for all of them, an exception is each one's own."""

import asyncio
from contextlib import suppress
from copy import copy
from typing import TypeVar

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")


async def result_of(shared: asyncio.Future[T]) -> T:
    """Wait for a future that others wait for, too, and return its result. Whoever gives up waiting does not cancel it.

    Raises what it has failed with, as an exception of the caller's own.
    """
    shared.add_done_callback(_look_at)
    await asyncio.wait([shared])
    problem = shared.exception()
    if problem is not None:
        raise another(problem)
    return shared.result()


def _look_at(shared: asyncio.Future[T]) -> None:
    """Keep asyncio from telling that an error was lost when all who waited for it have given up."""
    if not shared.cancelled():
        shared.exception()


def another(problem: E) -> E:
    """Return an exception that is equal to this one, and caused by it: for one more caller to raise.

    One that several raise holds the frames of all of them, and what is in those: requests, with their secrets. Only where a
    library lets nobody make one of its kind is it `problem` itself.
    """
    for make in (copy, _rebuilt):
        with suppress(Exception):  # the constructor may be anything
            twin = make(problem)
            if str(twin) == str(problem):
                twin.__cause__ = problem
                return twin
    return problem


def _rebuilt(problem: E) -> E:
    """Make one without its constructor, which may want other arguments than those that an exception remembers."""
    twin = type(problem).__new__(type(problem), *problem.args)
    twin.__dict__.update(vars(problem))
    return twin
