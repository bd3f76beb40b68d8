"""Cancellation that nobody has asked for: a defect like any other, which must not end the task that meets it."""

import asyncio
from types import TracebackType


class StrayCancellation(Exception):
    """A `CancelledError` came up in a task that nobody has asked to end.

    It comes out of work that cancels a task of its own and awaits it, or out of a library that does.
    """


class _OnlyIfAsked:
    """Raises `StrayCancellation` in place of a `CancelledError`, unless somebody has asked the running task to end."""

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(problem, asyncio.CancelledError) and not _is_asked_to_end():
            raise StrayCancellation("cancelled, although nobody has asked for it") from problem


cancelled_only_if_asked = _OnlyIfAsked()
"""The context for whatever somebody else has written: a driver, an author's class, a library.

`except Exception` does not see a `CancelledError`. So it stands around everything that a boundary catches from.
"""


def _is_asked_to_end() -> bool:
    """Tell whether somebody has cancelled the running task; a deadline that has passed does so, too."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another thread: nobody can cancel what runs there
        return False
    return task is not None and task.cancelling() > 0
