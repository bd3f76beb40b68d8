"""Concurrent loads of one value, joined into one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from connector.cache.entries import Epoch
from connector.model.errors import OfOneSession
from drivers import Scope, SessionScope, Stamp
from drivers.cancellation import cancelled_only_if_asked
from drivers.shared import result_of


class Place(NamedTuple):
    """What loads must have in common to be joined."""

    scope: Scope
    stamp: Stamp
    """Without it, a reader after a cleanup would be given a load from before it."""
    key: str
    epoch: Epoch
    """Without it, a reader after a `delete` would be given a load from before it."""
    kind: Any


class Loads:
    """The loads that are running in this process."""

    def __init__(self) -> None:
        self._running: dict[Place, asyncio.Future[bytes]] = {}

    async def join(self, place: Place, load: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what the running load of this place returns, or run `load` in the caller's own task.

        A failed load raises a copy of its error in everybody who joined it. If the caller that loads is cancelled, one of the
        others takes over. One takes over, too, if sessions share the value and the caller's own session is dead. It takes as
        long as the load: the author sets its deadline.
        """
        while (running := self._running.get(place)) is not None:
            # Not awaited directly: cancelling this caller must not cancel the load of the others.
            await asyncio.wait([running])
            # The loading caller was cancelled, or its session is dead: the loop makes this one the next to load.
            if not running.cancelled():
                return await result_of(running)
        mine = self._running[place] = asyncio.get_running_loop().create_future()
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
            mine.cancel()  # does nothing to what has its result or error
            del self._running[place], mine  # its error holds this frame: they would hold each other


def _may_be_loaded_by_another(scope: Scope, problem: Exception) -> bool:
    return isinstance(problem, OfOneSession) and not isinstance(scope, SessionScope)
