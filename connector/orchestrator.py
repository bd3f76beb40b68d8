"""One cleanup, from what was asked for to what became of it: the logout and every eviction at the same time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from connector.cleanup import CleanupReport, CleanupRequest, Timed
from connector.credential import Credential
from connector.endsystems.contract import EndSystem, SessionLogin
from connector.outcomes import EvictOutcome, EvictResult, LogoutOutcome, LogoutResult
from connector.storage import Storage
from connector.supervision import OwnedTasks
from drivers import Driver, DriverError

Outcome = TypeVar("Outcome")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _SharedLogout:
    task: asyncio.Task[Timed[LogoutOutcome]]
    users: int = 0

    @property
    def came_to_nothing(self) -> bool:
        return self.task.done() and (self.task.cancelled() or not self.task.result().outcome.closes)


class Orchestrator:
    """Runs cleanups. Its work belongs to the application: a client that goes away changes nothing, and shutdown waits for it."""

    def __init__(self, end_system: EndSystem, storage: Storage, *, logout_deadline: float) -> None:
        self.end_system = end_system
        self._storage = storage
        self._logout_deadline = logout_deadline
        self._tasks = OwnedTasks()
        self._logouts: dict[tuple[str, Credential], _SharedLogout] = {}

    async def cleanup(self, request: CleanupRequest) -> CleanupReport:
        """Log the session out and evict its scopes from every driver, together. No step's failure stops another.

        Takes as long as the slowest step. Goes on to the end when the caller is cancelled.
        """
        return await asyncio.shield(self._tasks.start(self._run(request)))

    async def drain(self, deadline: float) -> int:
        """Wait at most `deadline` seconds for the running cleanups; returns how many had to be broken off."""
        return await self._tasks.drain(deadline)

    async def _run(self, request: CleanupRequest) -> CleanupReport:
        started = time.monotonic()
        async with self._sharing(request) as logout, asyncio.TaskGroup() as steps:
            evictions = {driver.name: steps.create_task(self._evict(driver, request)) for driver in self._storage.drivers}
            logged_out = await asyncio.shield(logout.task)
        return CleanupReport(
            request=request,
            milliseconds=_milliseconds_since(started),
            authority=self._storage.authority.name,
            logout=logged_out,
            attempts=1,
            evictions={name: step.result() for name, step in evictions.items()},
        )

    @asynccontextmanager
    async def _sharing(self, request: CleanupRequest) -> AsyncIterator[_SharedLogout]:
        """Join the logout of the cleanups that overlap with this one and have the same session and credential, or begin one.

        It stays shared until the last of them has ended, so that a duplicate that comes while another is still evicting does
        not send a second one; save when it came to nothing, for then a duplicate is the next try.
        """
        key = (request.session_id, request.credential)
        shared = self._logouts.get(key)
        if shared is None or shared.came_to_nothing:
            shared = self._logouts[key] = _SharedLogout(self._tasks.start(self._logout(request)))
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users and self._logouts.get(key) is shared:
                del self._logouts[key]

    async def _logout(self, request: CleanupRequest) -> Timed[LogoutOutcome]:
        login = SessionLogin(request.session_id, request.system_id, request.credential)
        late = f"the end system did not answer within {self._logout_deadline:g} s"
        return await _step(
            "logout",
            lambda: self.end_system.logout(login),
            deadline=self._logout_deadline,
            late=LogoutOutcome(LogoutResult.PENDING, "timeout", late),
            failed=LogoutOutcome(LogoutResult.FAILED, "internal_error", "a defect; the log has its traceback"),
        )

    async def _evict(self, driver: Driver, request: CleanupRequest) -> Timed[EvictOutcome]:
        deadline = self._storage.deadlines.evict

        async def evict() -> EvictOutcome:
            try:
                await self._storage.evict(driver, request.scopes)
            except DriverError as problem:
                return EvictOutcome(EvictResult.UNAVAILABLE, str(problem))
            return EvictOutcome(EvictResult.EVICTED)

        return await _step(
            f"eviction from {driver.name}",
            evict,
            deadline=deadline,
            late=EvictOutcome(EvictResult.UNAVAILABLE, f"no answer within {deadline:g} s"),
            failed=EvictOutcome(EvictResult.FAILED, "a defect; the log has its traceback"),
        )


async def _step(
    name: str, work: Callable[[], Awaitable[Outcome]], *, deadline: float, late: Outcome, failed: Outcome
) -> Timed[Outcome]:
    """The boundary of a concurrent step: whatever happens inside becomes an outcome, so that no step ends another."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(deadline):
            outcome = await work()
    except TimeoutError:
        outcome = late
    except Exception:
        log.exception("a step of the cleanup broke", step=name)
        outcome = failed
    return Timed(outcome, _milliseconds_since(started))


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
