"""Where the server is killed: before and after each step of what begins, renews or ends a session, in a test's process alone."""

import functools
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.refreshing import HttpRefresh
from connector.ledger.sql import initializing, recording, session_changes
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.store import SqliteLedger
from connector.sessions.openings import Openings
from connector.sessions.records import SessionRecords

STEPS: dict[str, tuple[Any, str]] = {
    "record": (SqliteLedger, "record"),
    "record, in its transaction": (recording, "record"),
    "logout": (HttpEndSystem, "logout"),
    "evict from memory": (Storage, "evict_at_once"),
    "evict from sqlite": (Storage, "evict"),
    "settle": (SqliteLedger, "settle"),
    "settle, in its transaction": (recording, "settle"),
    "retry": (Orchestrator, "retry"),
    "answer": (Orchestrator, "cleanup"),
}
"""By the name of a step of a cleanup: the class or module that holds it, and its name there."""
OF_OPENINGS: dict[str, tuple[Any, str]] = {
    "record of an opening": (SqliteLedger, "begin_opening"),
    "record of an opening, in its transaction": (initializing, "begin_all"),
    "end of an opening": (SqliteLedger, "opening_failed"),
    "login": (HttpEndSystem, "login"),
    "record of a login": (SessionRecords, "open"),
    "record of a login, in its transaction": (initializing, "open_all"),
    "eviction of what is replaced": (SessionRecords, "evict"),
    "end of a login that nobody has": (SessionRecords, "end"),
    "end of an initialize": (Openings, "open"),
    "end of a session, in its transaction": (recording, "close_session"),
}
"""By the name of a step of what begins and replaces a session."""
OF_RENEWALS: dict[str, tuple[Any, str]] = {
    "refresh": (HttpRefresh, "run"),
    "record of a renewal": (SqliteLedger, "renew"),
    "record of a renewal, in its transaction": (session_changes, "renew"),
}
"""By the name of a step of what renews a login."""
BATCHES = ((recording, "record"), (recording, "settle"), (initializing, "begin_all"), (initializing, "open_all"))
"""Functions that are given several things to do together."""
MOMENTS = ("before", "after")


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Kill the process when this moment of a step has come for the `passes`-th time."""

    step: str
    moment: str
    passes: int = 1

    def __str__(self) -> str:
        return f"{self.moment} {self.step}"

    def arm(self) -> None:
        """Wrap the step, in this process."""
        owner, name = {**STEPS, **OF_OPENINGS, **OF_RENEWALS}[self.step]
        real, reached = getattr(owner, name), _Countdown(self)
        setattr(owner, name, functools.wraps(real)(_around(owner, name)(real, reached)))


class _Countdown:
    def __init__(self, point: Failpoint) -> None:
        self._point = point
        self._left = point.passes
        _, _, self._driver = point.step.partition("evict from ")

    def __call__(self, moment: str, arguments: tuple[Any, ...]) -> None:
        if moment != self._point.moment or (self._driver and arguments[1].name != self._driver):
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


Reached = Callable[[str, tuple[Any, ...]], None]


def _around(owner: Any, name: str) -> Callable[[Callable[..., Any], Reached], Callable[..., Any]]:
    if (owner, name) in BATCHES:
        return _around_work
    return _around_method if iscoroutinefunction(getattr(owner, name)) else _around_function


def _around_method(real: Callable[..., Awaitable[Any]], reached: Reached) -> Callable[..., Awaitable[Any]]:
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        reached("before", arguments)
        result = await real(*arguments, **named)
        reached("after", arguments)
        return result

    return wrapped


def _around_function(real: Callable[..., Any], reached: Reached) -> Callable[..., Any]:
    """Wrap what may say by False that it did nothing."""

    def wrapped(*arguments: Any, **named: Any) -> Any:
        reached("before", arguments)
        done = real(*arguments, **named)
        if done is not False:
            reached("after", arguments)
        return done

    return wrapped


def _around_work(real: Callable[..., Any], reached: Reached) -> Callable[..., Any]:
    """Wrap what is done together for several: each of them comes by. One may say by False that nothing was done for it."""

    def wrapped(table: Table, items: Sequence[Any]) -> Any:
        for item in items:
            reached("before", (table, item))
        result = real(table, items)
        for item, done in zip(items, result, strict=True):
            if done is not False:
                reached("after", (table, item))
        return result

    return wrapped


ALL = [Failpoint(step, moment) for step in STEPS for moment in MOMENTS]
