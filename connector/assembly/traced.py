"""The parts whose work has spans. A span begins where its work was asked for, also if that goes on in a task of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from opentelemetry.trace import SpanContext, StatusCode, Tracer

from connector.assembly.kinds import Kinds
from connector.cache import Loads
from connector.cache.loads import Place
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.endsystems.end_system import SessionLogin
from connector.model.cleanup import CleanupReport, CleanupRequest, Timed
from connector.model.debts import Debt
from connector.model.outcomes import LogoutOutcome
from connector.sessions.logouts import Logouts, MaySend
from connector.telemetry.traces import spanned
from connector.workers.overdue import Overdue
from connector.workers.reaper import Reaper, WasUsed
from drivers import Driver, Scope, SessionScope

OUTCOME = "opshub.outcome"
DRIVER = "opshub.driver"
MOST_LINKED = 10_000
"""Logins whose last try is remembered, so that the next one has a link to it. The oldest goes first."""


def traced_kinds(tracer: Tracer) -> Kinds:
    """Return the classes that do what the others do, and make spans of it."""
    return Kinds(_storage(tracer), _loads(tracer), _logouts(tracer), _orchestrator(tracer), _reaper(tracer))


def _orchestrator(tracer: Tracer) -> type[Orchestrator]:
    class TracedOrchestrator(Orchestrator):
        async def cleanup(self, request: CleanupRequest, **how: Any) -> CleanupReport:
            with spanned(tracer, "cleanup", {"opshub.global_cache": request.global_cache}) as span:
                report = await super().cleanup(request, **how)
                span.set_attribute(OUTCOME, report.logout.outcome.result.value)
                span.set_attribute("opshub.recorded", report.recorded)
                return report

        async def retry(self, debt: Debt) -> bool:
            with spanned(tracer, "retry", {"opshub.attempts": debt.attempts}) as span:
                recorded = await super().retry(debt)
                span.set_attribute("opshub.recorded", recorded)
                return recorded

    return TracedOrchestrator


def _logouts(tracer: Tracer) -> type[Logouts]:
    class TracedLogouts(Logouts):
        def __init__(self, *parts: Any, **more: Any) -> None:
            super().__init__(*parts, **more)
            self._last_try: dict[str, SpanContext] = {}

        async def _try(self, login: SessionLogin, login_id: str, attempts: int, may_send: MaySend | None) -> Timed[LogoutOutcome]:
            after = self._last_try.pop(login_id, None)
            with spanned(tracer, "logout", {"opshub.attempts": attempts}, after=after) as span:
                done = await super()._try(login, login_id, attempts, may_send)
                span.set_attribute(OUTCOME, done.outcome.result.value)
                if not done.outcome.closes:
                    span.set_status(StatusCode.ERROR)
                    self._note_try(login_id, span.get_span_context())
                return done

        def _note_try(self, login_id: str, span: SpanContext) -> None:
            if len(self._last_try) >= MOST_LINKED:
                del self._last_try[next(iter(self._last_try))]
            self._last_try[login_id] = span

    return TracedLogouts


def _storage(tracer: Tracer) -> type[Storage]:
    class TracedStorage(Storage):
        async def evict(self, driver: Driver, scopes: Sequence[Scope]) -> None:
            with spanned(tracer, "eviction", {DRIVER: driver.name}):
                await super().evict(driver, scopes)

        def evict_at_once(self, driver: Driver, scopes: Sequence[Scope]) -> bool:
            began = time.time_ns()
            done = super().evict_at_once(driver, scopes)
            if done:  # otherwise `evict` is called
                tracer.start_span("eviction", attributes={DRIVER: driver.name}, start_time=began).end()
            return done

        def begin_to_evict(self, driver: Driver, scopes: Sequence[Scope]) -> None:
            """Leave it to `evict`, which has a span."""

    return TracedStorage


def _loads(tracer: Tracer) -> type[Loads]:
    class TracedLoads(Loads):
        async def _run(self, place: Place, load: Callable[[], Awaitable[bytes]]) -> bytes:
            # Not its key, of which an author may have made what a caller sent.
            of = "session" if isinstance(place.scope, SessionScope) else "system"
            with spanned(tracer, "load", {"opshub.cache": of}):
                return await super()._run(place, load)

    return TracedLoads


def _reaper(tracer: Tracer) -> type[Reaper]:
    class TracedReaper(Reaper):
        async def reap_one(self, found: Overdue, was_used: WasUsed, turn: asyncio.Semaphore | None = None) -> bool:
            with spanned(tracer, "reap", {"opshub.reason": found.reason.value}) as span:
                done = await super().reap_one(found, was_used, turn)
                span.set_attribute("opshub.reaped", done)
                return done

    return TracedReaper
