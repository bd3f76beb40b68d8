"""Concurrent loads of one value, joined into one."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import structlog

from connector.cache.encoding import shown
from connector.cache.entries import Epoch
from connector.model.errors import OfOneSession, RequestOver
from drivers import Scope, SessionScope, Stamp
from drivers.cancellation import cancelled_only_if_asked
from drivers.shared import result_of

log = structlog.get_logger(__name__)

SLOW = 10.0
"""Seconds after which a load counts as slow."""


class Place(NamedTuple):
    """What loads must have in common to be joined."""

    scope: Scope
    stamp: Stamp
    """Without it, a reader after a cleanup would be given a load from before it."""
    key: str
    epoch: Epoch
    """Without it, a reader after a `delete` would be given a load from before it."""
    kind: Any


_LOADING: ContextVar[Place | None] = ContextVar("loading", default=None)
"""The load whose loader this task runs in, or was begun in."""


class Loads:
    """The loads that are running in this process. One that takes longer than `slow` seconds is logged."""

    def __init__(self, slow: float = SLOW) -> None:
        self._slow = slow
        self._running: dict[Place, asyncio.Future[bytes]] = {}
        self._needed: defaultdict[Place, list[Place]] = defaultdict(list)
        """By each running load, the values that its loader waits for."""

    async def join(self, place: Place, load: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what the running load of this place returns, or run `load` in the caller's own task.

        A failed load raises a copy of its error in everybody who joined it. If the caller that loads is cancelled, or its request
        is over, one of the others takes over. One takes over, too, if sessions share the value and the caller's own session is
        dead. It takes as long as the load: the author sets its deadline.

        Raises:
            RuntimeError: the caller is a loader, and this load waits for its end.
        """
        with self._waiting_for(place):
            while (running := self._running.get(place)) is not None:
                # Not awaited directly: cancelling this caller must not cancel the load of the others.
                await asyncio.wait([running])
                # The loading caller was cancelled, or its session is dead: the loop makes this one the next to load.
                if not running.cancelled():
                    return await result_of(running)
            return await self._run(place, load)

    @contextmanager
    def timed(self, key: str) -> Iterator[None]:
        """Log one line if what is done in the context takes long, while it does."""
        timer = asyncio.get_running_loop().call_later(self._slow, _tell_slow, key, self._slow)
        try:
            yield
        finally:
            timer.cancel()

    async def _run(self, place: Place, load: Callable[[], Awaitable[bytes]]) -> bytes:
        mine = self._running[place] = asyncio.get_running_loop().create_future()
        outer = _LOADING.set(place)
        try:
            with cancelled_only_if_asked:
                result = await load()
        except Exception as problem:
            if not _may_be_loaded_by_another(place.scope, problem):
                mine.set_exception(problem)
                mine.exception()  # looked at, or asyncio warns of a lost error when nobody has joined
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            _LOADING.reset(outer)
            mine.cancel()  # does nothing to what has its result or error
            del self._running[place], mine  # its error holds this frame: they would hold each other

    @contextmanager
    def _waiting_for(self, place: Place) -> Iterator[None]:
        """Note that the loader around this call, if there is one, waits for `place`. Two that wait for each other never end."""
        loading = _LOADING.get()
        if loading is None or loading not in self._running:  # the latter of a task that was begun in a loader which has ended
            yield
            return
        if self._needs(place, loading):
            text = f"the loader of {shown(loading.key)} asks for {shown(place.key)}, which waits for that loader"
            raise RuntimeError(f"{text}: neither would end; let the loader fetch from the end system what it needs")
        self._needed[loading].append(place)
        try:
            yield
        finally:
            self._needed[loading].remove(place)
            if not self._needed[loading]:
                del self._needed[loading]

    def _needs(self, place: Place, wanted: Place) -> bool:
        """Tell whether a load of `place` waits for `wanted`, directly or through others."""
        return place == wanted or any(self._needs(each, wanted) for each in self._needed.get(place, ()))


def _tell_slow(key: str, seconds: float) -> None:
    text = "a loader takes long, and everybody who asks for its value waits; give its requests a deadline, or load less at once"
    log.warning(text, key=shown(key), seconds=seconds)


def _may_be_loaded_by_another(scope: Scope, problem: Exception) -> bool:
    """Tell whether an error is of the caller that loads: of its request, or of its session, if others share the value."""
    of_its_session = isinstance(problem, OfOneSession) and not isinstance(scope, SessionScope)
    return of_its_session or isinstance(problem, RequestOver)
