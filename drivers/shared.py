"""A future that several callers share: one result for all of them, an exception for each."""

import asyncio
from contextlib import suppress
from copy import copy
from typing import TypeVar

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")


async def result_of(shared: asyncio.Future[T]) -> T:
    """Return the result of a future that others wait for, too. A cancelled caller does not cancel it.

    Raises its error, as an exception of the caller's own.
    """
    # Before the wait, because a caller that is cancelled does not come back to look.
    shared.add_done_callback(_look_at)
    await asyncio.wait([shared])
    problem = shared.exception()
    if problem is not None:
        raise another(problem)
    return shared.result()


def _look_at(shared: asyncio.Future[T]) -> None:
    """Keep asyncio from warning of a lost error when all callers have given up."""
    if not shared.cancelled():
        shared.exception()


def another(problem: E) -> E:
    """Return a copy of an exception, with it as the cause, for another caller to raise.

    An exception that several callers raise holds the frames of all of them, and with these their requests and secrets. If no
    copy can be made, because a library forbids it, this returns `problem` itself.
    """
    # A constructor may need other arguments than `args`, so there are two ways to a copy.
    for make in (copy, _rebuilt):
        with suppress(Exception):  # the constructor may be anything
            twin = make(problem)
            if str(twin) == str(problem):
                twin.__cause__ = problem
                return twin
    return problem


def _rebuilt(problem: E) -> E:
    """Make a copy without the constructor, which may need other arguments than the exception remembers."""
    twin = type(problem).__new__(type(problem), *problem.args)
    twin.__dict__.update(vars(problem))
    return twin
