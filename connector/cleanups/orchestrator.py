"""Runs a cleanup, from the request to the report: the logout and all evictions at the same time."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec.structs import replace

from connector.cache.evictions import (
    Begun,
    Evicting,
    begin_evictions,
    begin_to_evict,
    evict_everywhere,
    evict_everywhere_at_once,
    evict_the_rest_soon,
    evicted_soon,
    names_of_done,
)
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hook, Hooks, run_hook
from connector.endsystems.end_system import SessionLogin
from connector.ledger.bookkeeping import DEADLINE, Bookkeeping
from connector.model.cleanup import CleanupReport, CleanupRequest, Missed, Timed
from connector.model.debts import Debt, LogoutState
from connector.model.errors import BrokenOff
from connector.model.outcomes import (
    BEING_RENEWED,
    IN_HAND_ELSEWHERE,
    NOT_RECORDED,
    NOTHING_TO_END,
    OPEN_ANEW,
    PERHAPS_OPEN_ANEW,
    EvictOutcome,
    HookOutcome,
    LogoutOutcome,
)
from connector.runtime.steps import milliseconds_since, step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts, SharedLogout, known, login_of, outcome_of_closed
from drivers import Driver, Scope
from drivers.cancellation import StrayCancellation, cancelled_only_if_asked

T = TypeVar("T")
OnceUnused = Callable[[], AbstractAsyncContextManager[None]]
"""Makes a context that is entered once nobody uses a login any more."""


class Orchestrator:
    """Runs cleanups. Their work is the application's: a client that goes away changes nothing, and shutdown waits for it."""

    def __init__(
        self,
        logouts: Logouts,
        storage: Storage,
        books: Bookkeeping,
        tasks: OwnedTasks,
        *,
        live: LiveSessions,
        hooks: Hooks,
        hook_deadline: float,
    ) -> None:
        self._live = live
        self._hooks = hooks
        self._hook_deadline = hook_deadline
        self._logouts = logouts
        self._storage = storage
        self._books = books
        self._tasks = tasks

    async def cleanup(
        self,
        request: CleanupRequest,
        *,
        spared: str | None = None,
        only_if_recorded: bool = False,
        only_this_login: bool = False,
        once_unused: OnceUnused | None = None,
    ) -> CleanupReport:
        """Log the session out, evict its scopes from every driver and run the hooks, together. No step's failure stops another.

        The session is dead from here on. If it is being opened, that login is closed again. What is owed is durable before it
        is tried. One exception: if only evictions are owed, those that are done soon are never recorded. Takes as long as the
        slowest step, and goes on to the end when the caller is cancelled.

        A login of the session that is about to be made is `spared`, by its id, if it is for that one that the session ends.
        With `only_if_recorded`, what cannot be recorded is not tried before it is: the logout is `held`. With `only_this_login`,
        other processes' later logins of the session stay, and hooks leave them alone. With `once_unused`, what has to be recorded
        is evicted first, and all else waits for that context. It is a reap in a fleet: one that cannot be recorded is given up.

        Raises:
            BrokenOff: the server ends, and waits no longer.
        """
        if request.login_id and self._logouts.doubts.was_alive(request.session_id, request.login_id, request.credential):
            # It goes into the ledger, so that a retry after a restart knows it, too.
            request = replace(request, credential=request.credential.as_proved())
        owes_more = self._live.may_have_row(request.session_id) or not self._owes_evictions_only(request)
        is_only = only_this_login or spared is not None  # the spared one may be there when this is recorded
        only = request.login_id if is_only else None
        started, logins = time.monotonic(), self._live.closing(request.session_id, spared, only)
        if owes_more:
            ended = self._live.ended_by_record(logins, only)
            run = partial(self._run, only_if_recorded=only_if_recorded, only_this_login=only_this_login, once_unused=once_unused)
            return await self._owned(run(request, started, logins, ended))
        return await self._evict_only(request, started, logins)

    async def retry(self, debt: Debt) -> bool:
        """Try an owed logout again, record what became of it, and say whether that could be done.

        It is not while a refresh of its login takes too long: what is known of its credential may be spent.
        """
        if debt.credential is None:
            raise ValueError("a debt is retried with its credential")
        await self._live.refreshed(debt.login_id)
        if self._live.is_being_refreshed(debt.login_id):
            return False
        may_send = partial(self._books.may_send, debt, retried=True)
        sharing = self._logouts.sharing(
            login_of(debt), debt.login_id, places=debt.places, attempts=debt.attempts, may_send=may_send
        )
        async with sharing as shared:
            await asyncio.shield(shared.task)
            return await self._books.settle(debt, outcome=shared.to_be_recorded(), evicted=(), retried=True, release=True)

    async def retry_unclaimed(self, debt: Debt) -> None:
        """Try an owed logout again that was only read, unless another process tries it, or the ledger cannot tell."""
        if not await self._books.claim(debt):
            return
        try:
            await self.retry(debt)
        finally:
            await self._books.release(debt)

    async def drain(self, deadline: float) -> int:
        """Wait at most `deadline` seconds for the running cleanups; returns how many tasks had to be broken off."""
        return await self._tasks.drain(deadline)

    def _owes_evictions_only(self, request: CleanupRequest) -> bool:
        """Tell whether a cleanup only evicts: it has no login to end, no seal to mark as dead, and no hook to run."""
        return request.foregone is not None and not request.login_id and not self._hooks.has_some_of(request)

    def _report_of_evictions(
        self, request: CleanupRequest, started: float, evictions: Mapping[str, Timed[EvictOutcome]]
    ) -> CleanupReport:
        in_order = {driver.name: evictions[driver.name] for driver in self._storage.drivers}
        return self._report_without_asking(request, started, request.foregone or NOTHING_TO_END, in_order)

    def _report_without_asking(
        self,
        request: CleanupRequest,
        started: float,
        logout: LogoutOutcome,
        evictions: Mapping[str, Timed[EvictOutcome]] = MappingProxyType({}),
    ) -> CleanupReport:
        return CleanupReport(
            request=request,
            milliseconds=milliseconds_since(started),
            recorded=logout is not NOT_RECORDED,
            authority=self._storage.authority.name,
            logout=Timed(logout, 0),
            attempts=0,
            evictions=evictions,
        )

    async def _owned(self, work: Coroutine[Any, Any, T]) -> T:
        task = self._tasks.start(work)
        try:
            with cancelled_only_if_asked:
                return await asyncio.shield(task)
        except StrayCancellation:
            raise BrokenOff("the server ends") from None

    async def _evict_only(self, request: CleanupRequest, started: float, logins: Collection[str]) -> CleanupReport:
        """Evict. There is a task for it only if a driver needs one, or if it takes longer than usual."""
        at_once = evict_everywhere_at_once(self._storage, request.scopes)
        if len(at_once) == len(self._storage.drivers):
            return self._report_of_evictions(request, started, at_once)
        begun = begin_to_evict(self._storage, request.scopes, at_once)
        if len(at_once) + len(begun) == len(self._storage.drivers):
            rest, is_broken_off = None, True
            try:
                rest, is_broken_off = await evicted_soon(self._storage, begun), False
            finally:
                if is_broken_off:  # its caller has gone, which changes nothing
                    self._tasks.start(self._evict(request, started, logins, at_once, begun))
            if rest is not None:
                return self._report_of_evictions(request, started, {**at_once, **rest})
        return await self._owned(self._evict(request, started, logins, at_once, begun))

    async def _evict(
        self,
        request: CleanupRequest,
        started: float,
        logins: Collection[str],
        at_once: Mapping[str, Timed[EvictOutcome]],
        begun: Begun,
    ) -> CleanupReport:
        """Evict what was not evicted `at_once`; what is not done soon is owed, as that of any other cleanup."""
        async with asyncio.TaskGroup() as steps:
            rest = await evict_the_rest_soon(self._storage, request.scopes, at_once, begun, steps)
            done = {**at_once, **{name: eviction.result() for name, eviction in rest.items() if eviction.done()}}
            if len(done) < len(self._storage.drivers):
                return await self._run(request, started, logins, self._live.ended_by_record(logins), rest)
        return self._report_of_evictions(request, started, done)

    async def _run(
        self,
        request: CleanupRequest,
        started: float,
        logins: Collection[str],
        ended: Collection[str] | None,
        begun: Evicting = MappingProxyType({}),
        *,
        only_if_recorded: bool = False,
        only_this_login: bool = False,
        once_unused: OnceUnused | None = None,
    ) -> CleanupReport:
        """Record what is owed and take the steps. What could not be recorded stays in memory, unless it is given up."""
        origin, drivers = self._origin(request), self._storage.owing
        left, outcome, debt = Missed(request, origin, drivers, logins), None, None
        try:
            # A refresh has spent the credential that is known so far: a logout with that one would end nothing.
            await self._live.refreshed(request.login_id)
            debt = await self._books.record(request, origin=origin, drivers=drivers, logins=ended)
            if debt is not None:
                self._live.rows_gone(request.session_id, [*logins, request.login_id])
            if debt is None and only_if_recorded:
                outcome = NOT_RECORDED
                return self._report_without_asking(request, started, outcome)
            if debt is not None and once_unused is not None:
                await evict_everywhere(self._storage, _owed(self._storage.drivers, request, debt))
                async with once_unused():
                    return await self._take_later_steps(request, started, debt, origin)
            report = await self._take_steps(request, started, debt, origin, begun, only_this_login=only_this_login)
            if debt is None:
                evicted = names_of_done(report.evictions)
                # Once more: whoever does what is owed may have looked meanwhile, and found nothing.
                self._storage.owe_but(evicted)
                left, outcome = replace(left, drivers=self._live.owed_late(drivers, evicted)), report.logout.outcome
        finally:
            if debt is None:
                self._live.keep_cleanup(left, outcome, is_reap=once_unused is not None)
            else:
                await self._books.release(debt)
        return report

    async def _take_later_steps(self, request: CleanupRequest, started: float, debt: Debt, origin: str) -> CleanupReport:
        """Take the steps some time after the debt was recorded, for this login alone, and by what the ledger knows of it by now.

        Somebody may have ended the login meanwhile, renewed its credential, or opened the session by another one. If the ledger
        does not tell, nothing is tried: the retries will.
        """
        logins = [request.login_id]
        now = await self._books.record(request, origin=origin, drivers=self._storage.owing, logins=logins)
        if now is None:
            return replace(self._report_without_asking(request, started, NOT_RECORDED), recorded=True, attempts=debt.attempts)
        try:
            return await self._take_steps(request, started, now, origin, MappingProxyType({}), only_this_login=True)
        finally:
            await self._books.release(now)

    async def _take_steps(
        self,
        request: CleanupRequest,
        started: float,
        debt: Debt | None,
        origin: str,
        begun: Evicting,
        *,
        only_this_login: bool = False,
    ) -> CleanupReport:
        drivers = self._storage.drivers
        run = partial(self._run_hook, request, only_this_login=only_this_login)
        async with self._logout_of(request, debt, origin) as shared:
            async with asyncio.TaskGroup() as steps:
                owed = _owed(drivers, request, debt)
                same = {name: eviction for name, eviction in begun.items() if {*owed[name]} == {*request.scopes}}
                evicting = begin_evictions(self._storage, owed, steps, same)
                hooked = {name: steps.create_task(run(name, hook)) for name, hook in self._hooks.of(request)}
                logout = await asyncio.shield(shared.task)
                if same:
                    await asyncio.wait(same.values())
            evictions = _results(evicting)
            if debt is not None:
                evicted = names_of_done(evictions)
                await self._books.settle(debt, outcome=shared.to_be_recorded(), evicted=evicted, release=True)
        return CleanupReport(
            request=request,
            milliseconds=milliseconds_since(started),
            recorded=debt is not None,
            authority=self._storage.authority.name,
            logout=logout,
            attempts=(debt.attempts if debt else 0) + shared.tries,
            evictions=evictions,
            hooks=_results(hooked),
        )

    async def _run_hook(self, request: CleanupRequest, name: str, hook: Hook, *, only_this_login: bool) -> Timed[HookOutcome]:
        """Run a hook once no work in the background can undo it. That of one login alone leaves a later one alone."""
        await self._live.background.over(request.session_id, request.login_id)
        # The last look: what an author keeps is kept by session, and may be the later login's by now.
        if only_this_login and (skipped := await self._open_anew(request)) is not None:
            return Timed(skipped, 0)
        return await run_hook(name, hook, self._hook_deadline)

    async def _open_anew(self, request: CleanupRequest) -> HookOutcome | None:
        """Return why the session's hooks are skipped: it is open by another login than the one that ends, or may be."""

        async def asked() -> HookOutcome | None:
            login_id = await self._live.login_now(request.session_id)
            return None if login_id in {None, request.login_id} else OPEN_ANEW

        # If nobody knows, nothing is deleted: leftovers wait for the session's next cleanup, but what is in use would be lost.
        unknown: HookOutcome | None = PERHAPS_OPEN_ANEW
        known = await step("asking whether a session is open again", asked, deadline=DEADLINE, late=unknown, failed=unknown)
        return known.outcome

    def _origin(self, request: CleanupRequest) -> str:
        """Return where the login of a cleanup was made: today's end system, unless the seal says another."""
        if request.foregone is not None:
            return ""
        return self._logouts.origin(_login(request)) if request.origin is None else request.origin

    def _logout_of(self, request: CleanupRequest, debt: Debt | None, origin: str) -> AbstractAsyncContextManager[SharedLogout]:
        """Join or begin the logout, unless it is known that there is nothing to end."""
        if request.foregone is not None:
            return known(request.foregone)
        if debt is not None and debt.state is LogoutState.CLOSED:
            return known(outcome_of_closed(debt))
        if debt is not None and debt.in_hand_elsewhere:
            return known(IN_HAND_ELSEWHERE)
        if debt is not None and self._live.is_being_refreshed(request.login_id):
            return known(BEING_RENEWED)
        # Work in the background is waited for, and its login may be in use again by then.
        has_to_wait = (request.session_id, request.login_id) in self._live.background
        may_send = None if debt is None else partial(self._books.may_send, debt, retried=has_to_wait)
        places, attempts = (debt.places, debt.attempts) if debt else ((origin,), 0)
        login = _login(request) if debt is None or debt.credential is None else login_of(debt)
        return self._logouts.sharing(login, request.login_id, places=places, attempts=attempts, may_send=may_send)


def _results(tasks: Mapping[str, asyncio.Future[T]]) -> dict[str, T]:
    return {name: task.result() for name, task in tasks.items()}


def _login(request: CleanupRequest) -> SessionLogin:
    return SessionLogin(request.session_id, request.system_id, request.credential)


def _owed(drivers: Sequence[Driver], request: CleanupRequest, debt: Debt | None) -> Mapping[str, Sequence[Scope]]:
    """Return what this cleanup evicts: what it was asked for, and what earlier ones of the same login still owe."""
    known = {} if debt is None else debt.evictions
    return {driver.name: known.get(driver.name, request.scopes) for driver in drivers}
