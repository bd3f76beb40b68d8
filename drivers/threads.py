"""Work that may block, in threads of its own."""

import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")


def begun_in_a_thread(name: str, work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `work` in a thread of its own, and return the future of what it returns or raises.

    `asyncio.to_thread` shares a few threads. A disk that hangs, an unanswered name, or an author's function that blocks would
    delay all later work. A cancelled caller does not stop the work, and no process waits for its end. Raises `OSError` if the
    system allows no further thread.
    """
    run, done = _handed_over(work)
    _start(name, run)
    return done


async def in_a_thread(name: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, as `begun_in_a_thread` runs it. Raises what it raises, and `OSError`."""
    return await begun_in_a_thread(name, work)


class ThreadOfItsOwn:
    """One thread for works that follow each other at once: to start a thread for each would take a twentieth of their time."""

    def __init__(self, name: str) -> None:
        """The thread begins with the first work."""
        self._name = name
        self._works: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._has_begun = False

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, after all works from before. Raises what it raises, and `OSError` as above."""
        if not self._has_begun:
            _start(self._name, self._run)
            self._has_begun = True
        run, done = _handed_over(work)
        self._works.put(run)
        return await done

    def end(self) -> None:
        """Let the thread end after the works that are here. A later work begins another one."""
        if self._has_begun:
            self._has_begun = False
            self._works.put(None)

    def _run(self) -> None:
        while (run := self._works.get()) is not None:
            run()


def _start(name: str, run: Callable[[], None]) -> None:
    try:
        # A daemon, or a name that is never answered would keep the process from ending.
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "there can be no further thread for now") from None


def _handed_over(work: Callable[[], T]) -> "tuple[Callable[[], None], asyncio.Future[T]]":
    """Return what a thread is to run, and the future of what `work` returns or raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    # With the caller's context, so that log lines of the work name its request.
    context = copy_context()

    def hand_over(give: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(lambda: None if done.done() else give())

    def run() -> None:
        try:
            with cancelled_only_if_asked:
                result = context.run(work)
        except Exception as problem:  # noqa: BLE001 - the caller gets to see it
            hand_over(partial(done.set_exception, problem))
        else:
            hand_over(partial(done.set_result, result))

    return run, done
