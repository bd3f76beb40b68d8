"""Deadlines: one that costs nothing if there is no wait, and one that pauses while the process is stopped."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")

TICK = 1.0
"""Seconds that are counted at once. A shorter tick costs more timers, a longer one forgives a longer stop."""


class Patience:
    """Seconds of waiting, in all, while this process runs.

    A process that was stopped (SIGSTOP, a virtual machine that is moved) finds its timers due before it has read what came in
    meanwhile. So these seconds are counted in ticks, and a tick that comes late counts for nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = seconds
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"{self._seconds:g}"

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Wait in this context. Raises `TimeoutError` when no patience is left. One task at a time waits."""
        # A timeout without an end, which `_look` ends: asyncio's own would count the time of a stop.
        async with asyncio.timeout(None) as scope:
            self._look_later(scope)
            try:
                yield
            finally:
                if self._timer is not None:
                    self._timer.cancel()

    def _look_later(self, scope: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        tick = min(TICK, self._left)
        # Measured on the loop's clock, because a wall clock may jump.
        due = loop.time() + tick
        self._timer = loop.call_at(due, self._look, scope, tick, due)

    def _look(self, scope: asyncio.Timeout, tick: float, due: float) -> None:
        now = asyncio.get_running_loop().time()
        if now - due < TICK:  # a tick that is later than this says that the process was stopped
            self._left -= tick
        if self._left > 0:
            self._look_later(scope)
        else:
            scope.reschedule(now)


async def within(seconds: float | Patience, question: Coroutine[Any, Any, T]) -> T:
    """Return what `question` returns. Raises `TimeoutError` when it takes longer than this.

    It begins at once, and a timer is set only if it has to wait. Setting one takes longer than a look into this process's
    memory, or into SQLite's.
    """
    try:
        # The first step runs here, without a task. Most questions to a cache in memory end with it.
        first = question.send(None)
    except StopIteration as answered:
        answer: T = answered.value
        return answer
    async with seconds.kept() if isinstance(seconds, Patience) else asyncio.timeout(seconds):
        return await _Begun(question, first)


async def is_done_within(seconds: float, future: asyncio.Future[Any]) -> bool:
    """Wait for a future for at most so long, and tell whether it is done. It goes on if it is not.

    `asyncio.wait` does the same for many futures, which takes several times as long for one.
    """
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    timer = loop.call_later(seconds, end)
    future.add_done_callback(end)
    try:
        await over
    finally:
        timer.cancel()
        future.remove_done_callback(end)
    return future.done()


class _Begun(Generator[Any, Any, T]):
    """A coroutine that waits for its `first` future: to be awaited by the very task in which it was begun."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], first: object) -> None:
        self._coroutine = coroutine
        self._first: object | None = first
        self._handed_over = False

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        # The first future was yielded by the step above; from now on the coroutine is driven as usual.
        if self._handed_over:
            return self._coroutine.send(value)
        self._handed_over = True
        return self._first

    def throw(self, *thrown: Any) -> Any:
        return self._coroutine.throw(*thrown)
