"""Background loops, and tasks that outlive a request. Each has an owner that waits for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import structlog

from connector.runtime.deadline import Patience
from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")
log = structlog.get_logger(__name__)

RESTART_AFTER = 1.0
"""Seconds before a failed background loop is started again."""
ASK_AGAIN = 1.0
"""Seconds before a task is cancelled once more: a library may have swallowed the first cancellation."""


async def supervise(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a background loop for ever: a defect is logged with its traceback and the loop started again. Ends when cancelled."""
    while True:
        try:
            with cancelled_only_if_asked:
                await loop()
        except Exception:
            log.exception("unhandled exception in a background loop; it is started again", loop=name, seconds=RESTART_AFTER)
        # A pause, because a defect that comes at once would otherwise fill the log and a processor.
        await asyncio.sleep(RESTART_AFTER)


@asynccontextmanager
async def supervised(name: str, loop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Keep a background loop running while the context is open; it has ended when the context is left."""
    task = asyncio.create_task(supervise(name, loop), name=name)
    try:
        yield
    finally:
        # Cancelled again and again: a library may swallow a cancellation, and the loop would go on.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=ASK_AGAIN)


class OwnedTasks:
    """Tasks that go on when their caller has gone, and that shutdown waits for."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` in a task of its own. Await it through `asyncio.shield`, so that giving up waiting does not end it."""
        task = asyncio.get_running_loop().create_task(_cancelled_by_shutdown_only(work))
        self._running.add(task)
        # asyncio itself keeps only a weak reference to a task, which could be collected while it runs.
        task.add_done_callback(self._running.discard)
        return task

    async def drain(self, deadline: float) -> int:
        """Wait until none is running, including those started meanwhile, at most `deadline` seconds; cancel the rest.

        Seconds in which the process was stopped do not count. Returns how many had to be cancelled.
        """
        with suppress(TimeoutError):
            async with Patience(deadline).kept():
                # Work that ends may have started further work, which has to end as well.
                while self._running:
                    await asyncio.wait(self._running)
        unfinished = [*self._running]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=1)  # a cancelled task may still have something to close
        return len(unfinished)

    async def finish(self) -> None:
        """Wait for those that are running now, however long they take: each has deadlines of its own."""
        if self._running:
            await asyncio.wait([*self._running])


async def _cancelled_by_shutdown_only(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, so that a task which ends as cancelled was broken off by `drain`."""
    with cancelled_only_if_asked:
        return await work
