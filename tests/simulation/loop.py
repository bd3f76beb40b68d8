"""An event loop in which time is virtual and the order of what could run next is drawn by a seeded random."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="")
"""The simulated process that a callback belongs to; empty for the world around them."""
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Stuck(Exception):
    """Everybody waits for somebody else."""


Runnable = tuple[asyncio.Handle, Callable[[], object], Context]


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs tasks and timers, and knows nothing of files, sockets and threads.

    No order is promised to what spans processes: two replies of a server, two timers and two connections come in any. So here
    does everything else.
    """

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self._dice = dice
        self._now = 0.0
        self._runnable: list[Runnable] = []
        self._timers: list[tuple[float, int, Runnable]] = []
        self._held: dict[str, list[Runnable]] = {}
        self._numbers = count()
        self.unhandled: list[str] = []
        """Errors that nobody has looked at."""

    def simulate(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end. Raises `Stuck` if nothing could ever happen before that."""
        asyncio.events._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            asyncio.events._set_running_loop(None)
            self.close()

    def hold(self, process: str) -> None:
        """Let nothing of a process run until it is let go, as a signal stops one. Its timers go on, and are late."""
        self._held.setdefault(process, [])

    def let_go(self, process: str) -> None:
        """Let a process go on."""
        self._runnable += self._held.pop(process, [])

    def _step(self) -> None:
        self._await_timers()
        place = self._dice.randrange(len(self._runnable))
        self._runnable[place], self._runnable[-1] = self._runnable[-1], self._runnable[place]
        handle, call, context = runnable = self._runnable.pop()
        if handle.cancelled():
            return
        if self._held and (process := context.get(PROCESS, "")) in self._held:
            self._held[process].append(runnable)
        else:
            call()

    def _await_timers(self) -> None:
        """Let time pass where nothing is ready, and make ready what is due."""
        if not self._runnable:
            if not self._timers:
                raise Stuck("nothing is ready and no timer is set")
            self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            _, _, runnable = heappop(self._timers)
            self._runnable.append(runnable)

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        context = context or copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._runnable.append((handle, lambda: context.run(callback, *args), context))
        return handle

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = context or copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), (handle, lambda: context.run(callback, *args), context)))
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unhandled.append(str(context))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays where it is, and is passed over when its time has come."""
