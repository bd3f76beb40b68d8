"""Work that may block, in threads of its own."""

import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")


def begun_in_a_thread(name: str, work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `work` in a thread of its own, and return the future of what it returns or raises.

    `asyncio.to_thread` shares a few threads. A disk that hangs, an unanswered name, or an author's function that blocks would
    delay all later work. A cancelled caller does not stop the work, and no process waits for its end. Raises `OSError` if the
    system allows no further thread.
    """
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

    try:
        # A daemon, or a name that is never answered would keep the process from ending.
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "there can be no further thread for now") from None
    return done


async def in_a_thread(name: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, as `begun_in_a_thread` runs it. Raises what it raises, and `OSError`."""
    return await begun_in_a_thread(name, work)
