"""Work that a handler leaves behind when it has answered: it uses its session's login, and ends before that is logged out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import structlog

from connector.model.sessions import Login
from connector.runtime.supervision import OwnedTasks
from connector.telemetry.logs import session_digest

log = structlog.get_logger(__name__)

AGAIN = 1.0
"""Seconds before work is cancelled once more: a library may have swallowed the first cancellation."""
TRIES = 5
"""How often it is cancelled. Then its login is logged out all the same, because a seat must not be held for ever."""


class Background:
    """The work in the background of one process, by the login that it uses."""

    def __init__(self, is_over: Callable[[str, str], None]) -> None:
        """`is_over` is called with the ids of a login when no work of it runs any more."""
        self._is_over = is_over
        self._tasks = OwnedTasks()
        self._running: dict[str, dict[str, set[asyncio.Task[None]]]] = {}
        """The tasks by the id of their session, and then of its login."""

    def __contains__(self, login: Login) -> bool:
        return login[0] in self._running and login[1] in self._running[login[0]]

    def __iter__(self) -> Iterator[Login]:
        return iter([(session_id, login_id) for session_id, logins in self._running.items() for login_id in logins])

    def start(self, session_id: str, login_id: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work that uses a login. What escapes it is logged with its traceback."""
        task = self._tasks.start(work)
        self._running.setdefault(session_id, {}).setdefault(login_id, set()).add(task)
        task.add_done_callback(partial(self._note, session_id, login_id))
        return task

    def end(self, session_id: str, login_id: str | None = None) -> None:
        """Cancel the work of a login that is over; None for every login of the session."""
        for each, tasks in self._running.get(session_id, {}).items():
            if login_id in {None, each}:
                for task in tasks:
                    task.cancel()

    async def over(self, session_id: str, login_id: str) -> None:
        """Wait until no work of a login runs that is over: some seconds at most, whatever the work does."""
        tasks = self._running.get(session_id, {}).get(login_id, set())
        for _ in range(TRIES if tasks else 0):
            self.end(session_id, login_id)
            await asyncio.wait([*tasks], timeout=AGAIN)
            if not tasks:
                return
        if tasks:
            message = "work in the background does not end when it is cancelled; its session is logged out all the same"
            log.error(message, session=session_digest(session_id), seconds=AGAIN * TRIES)

    async def drain(self) -> int:
        """Cancel all work, because the server ends, and return how much there was. It has a second to end."""
        return await self._tasks.drain(0)

    def _note(self, session_id: str, login_id: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (problem := task.exception()) is not None:
            message = "work in the background has failed, and its session goes on; see the traceback"
            log.error(message, exc_info=problem, session=session_digest(session_id))
        logins = self._running[session_id]
        logins[login_id].discard(task)
        if not logins[login_id]:
            del logins[login_id]
            if not logins:
                del self._running[session_id]
            self._is_over(session_id, login_id)
