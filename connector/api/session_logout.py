"""`POST /cleanup/{sdkSessionId}`: Session Logout."""

from functools import partial
from http import HTTPStatus

from aiohttp import web
from msgspec import Struct
from structlog.contextvars import bind_contextvars

from connector.api.answers import answer
from connector.api.body import discard_body
from connector.api.boundary import COUNT, WORDS
from connector.api.callers import Callers
from connector.api.http_errors import Unavailable, unknown_session
from connector.api.parameters import SESSION, session_id, system_and_global_cache
from connector.api.rendering import ErrorShapes, json_answer
from connector.cleanups.orchestrator import Orchestrator
from connector.cleanups.plan import Planner
from connector.config.settings import ServerSection
from connector.model.cleanup import CleanupReport, CleanupRequest
from connector.model.errors import BrokenOff, LedgerUnavailable, UnknownSession
from connector.sessions.admission import Admission
from connector.sessions.seal import HEADER, Sealed
from connector.telemetry.logs import session_digest, words_of
from connector.telemetry.metrics import Metrics


class CleanupCall(Struct, frozen=True):
    """Parses, runs, renders."""

    admission: Admission
    planner: Planner
    orchestrator: Orchestrator
    callers: Callers
    server: ServerSection
    shapes: ErrorShapes
    metrics: Metrics

    async def handle(self, request: web.Request) -> web.Response:
        """Clean up one session. Raises `ApiError` if the cleanup is refused or broken off; one that has run has an answer."""
        request[COUNT] = self.metrics.observe_cleanup
        session = session_id(request.match_info[SESSION])
        system, global_cache = system_and_global_cache(request.rel_url.raw_query_string)
        sealed = self._let_in(request, session, system, global_cache=global_cache)
        bind_contextvars(session=session_digest(session))
        await discard_body(request, limit=self.server.limits.body, deadline=self.server.deadlines.body)
        if sealed is None:
            await self._must_be_admitted(session)
        # Nothing is awaited between the plan and the session's death.
        wanted = self.planner.plan(session, system, sealed, global_cache=global_cache, headers=request.headers.items())
        report = await self._run(wanted)
        request[COUNT] = partial(self.metrics.observe_cleanup, report=report)
        request[WORDS] = words_of(report)
        return self._rendered(report, request)

    def _let_in(self, request: web.Request, session: str, system: str | None, *, global_cache: bool) -> Sealed | None:
        seals = request.headers.getall(HEADER, ())
        from_beyond = not any(seals) and self.callers.are_beyond(request)
        try:
            return self.admission.of(session, system, seals, whole_system=global_cache, from_beyond=from_beyond)
        except UnknownSession:
            raise unknown_session() from None

    async def _must_be_admitted(self, session: str) -> None:
        """Refuse a cleanup without a seal of a session that another process has opened."""
        try:
            await self.admission.without_seal(session)
        except UnknownSession:
            raise unknown_session() from None
        except LedgerUnavailable:
            raise Unavailable("The ledger cannot be read for now.", code="ledger_unavailable") from None

    async def _run(self, wanted: CleanupRequest) -> CleanupReport:
        try:
            return await self.orchestrator.cleanup(wanted)
        except BrokenOff:
            raise Unavailable("The server ends, and has broken this cleanup off; send it again.", code="broken_off") from None

    def _rendered(self, report: CleanupReport, request: web.Request) -> web.Response:
        given = answer(report)
        if given.error is None:
            return json_answer(HTTPStatus.OK, given.report)
        return self.shapes.render(given.error, request.rel_url.raw_path)
