"""The boundary of a concurrent step: everything that happens inside becomes an outcome, so that no step ends another."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from connector.model.cleanup import Timed
from connector.model.errors import LedgerUnavailable
from connector.runtime.deadline import Patience, within
from drivers.cancellation import cancelled_only_if_asked

Outcome = TypeVar("Outcome")
log = structlog.get_logger(__name__)

CLOSING = 30.0
"""Seconds that closing one part of the server may take, so that a part that hangs keeps no other open."""


async def step(
    name: str, work: Callable[[], Awaitable[Outcome]], *, deadline: float | Patience, late: Outcome, failed: Outcome
) -> Timed[Outcome]:
    """Run one step for at most `deadline` seconds. A defect is logged with its traceback and becomes `failed`.

    A ledger that does not answer breaks it off: that becomes `failed`, too, but is no defect.
    """
    started = time.monotonic()
    try:
        with cancelled_only_if_asked:
            # The deadline is here, at the boundary, so that no step can be forgotten.
            outcome = await within(deadline, _done(work))
    except TimeoutError:
        log.warning("a step was late; the others go on", step=name, seconds=deadline)
        outcome = late
    except LedgerUnavailable as problem:
        log.warning(
            "a step was broken off, because the ledger does not work for now; the others go on", step=name, reason=str(problem)
        )
        outcome = failed
    except Exception:
        log.exception("unhandled exception in a step; the other steps go on", step=name)
        outcome = failed
    return Timed(outcome, milliseconds_since(started))


async def _done(work: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Make a coroutine of the awaitable, because an author's method may return any."""
    return await work()


def attempt(name: str, work: Callable[[], Outcome], failed: Outcome) -> Outcome:
    """Return what `work` returns; a defect in it is logged with its traceback, and `failed` is returned."""
    try:
        with cancelled_only_if_asked:
            return work()
    except Exception:
        log.exception("unhandled exception in a step; the other steps go on", step=name)
        return failed


async def close(name: str, aclose: Callable[[], Awaitable[None]]) -> None:
    """Close a part of the server. A defect of it is logged with its traceback, so that the others are closed all the same."""
    await step(f"closing {name}", aclose, deadline=CLOSING, late=None, failed=None)


def milliseconds_since(started: float) -> int:
    """Return the whole milliseconds since `started`, a time of `time.monotonic`."""
    return round((time.monotonic() - started) * 1000)
