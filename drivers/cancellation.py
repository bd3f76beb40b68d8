"""Cancellation without a request: a defect like any other, which must not end the task that it meets."""

import asyncio
from types import TracebackType


class StrayCancellation(Exception):
    """A `CancelledError` in a task that was not asked to end.

    It comes from work that cancels a task of its own and awaits it, or from a library that does.
    """


class _OnlyIfAsked:
    """Raises `StrayCancellation` instead of a `CancelledError`, unless the running task was asked to end."""

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(problem, asyncio.CancelledError) and not _is_asked_to_end():
            raise StrayCancellation("cancelled without a request") from problem


cancelled_only_if_asked = _OnlyIfAsked()
"""The context for foreign code: a driver, an author's class, a library.

`except Exception` does not see a `CancelledError`. So this context is around everything that a boundary catches from.
"""


def _is_asked_to_end() -> bool:
    """Tell whether the running task was cancelled. A passed deadline does so, too."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another thread, where nothing can be cancelled
        return False
    return task is not None and task.cancelling() > 0
