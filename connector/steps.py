"""The boundary of a concurrent step: whatever happens inside becomes an outcome, so that no step ends another."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from connector.cleanup import Timed
from connector.deadline import within

Outcome = TypeVar("Outcome")
log = structlog.get_logger(__name__)


async def step(
    name: str, work: Callable[[], Awaitable[Outcome]], *, deadline: float, late: Outcome, failed: Outcome
) -> Timed[Outcome]:
    """Run one step for at most `deadline` seconds. A defect is logged with its traceback and becomes `failed`.

    So does a `CancelledError` that nobody sent here: it comes out of work that cancelled a task of its own and awaited it.
    """
    started = time.monotonic()
    try:
        outcome = await within(deadline, _done(work))
    except TimeoutError:
        log.warning("a step of the cleanup was late", step=name, seconds=deadline)
        outcome = late
    except (Exception, asyncio.CancelledError) as problem:
        if isinstance(problem, asyncio.CancelledError) and _is_being_cancelled():
            raise
        log.exception("a step of the cleanup broke", step=name)
        outcome = failed
    return Timed(outcome, milliseconds_since(started))


async def _done(work: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Make a coroutine of whatever an author's method returns."""
    return await work()


def attempt(name: str, work: Callable[[], Outcome], failed: Outcome) -> Outcome:
    """Return what `work` returns; a defect in it is logged with its traceback, and `failed` is returned."""
    try:
        return work()
    except Exception:
        log.exception("a part of the cleanup broke", part=name)
        return failed


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def milliseconds_since(started: float) -> int:
    """Return the whole milliseconds since `started`, a moment of `time.monotonic`."""
    return round((time.monotonic() - started) * 1000)
