"""`POST /cleanup/{sdkSessionId}`: Session Logout."""

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from structlog.contextvars import bind_contextvars

from connector.api.answers import answer
from connector.api.body import discard_body
from connector.api.callers import Callers
from connector.api.http_errors import ApiError, Unavailable, json_answer, unknown_session
from connector.api.parameters import SESSION, session_id, system_and_global_cache
from connector.cleanups.orchestrator import Orchestrator
from connector.config.settings import ServerSection
from connector.endsystems.end_system import EndSystem
from connector.model.cleanup import CleanupReport, CleanupRequest
from connector.model.credential import Credential
from connector.model.errors import BrokenOff, UnknownSession
from connector.model.outcomes import NO_LOGIN, NOTHING_TO_END, UNKNOWN_LOGIN
from connector.sessions.admission import Admission
from connector.sessions.seal import HEADER, Sealed
from connector.telemetry.logs import session_digest
from connector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class CleanupCall:
    """Parses, runs, renders."""

    orchestrator: Orchestrator
    admission: Admission
    callers: Callers
    server: ServerSection
    metrics: Metrics

    async def handle(self, request: web.Request) -> web.Response:
        """Clean up one session. Raises `ApiError` for every answer but 200."""
        report, status = None, HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            report = await self._run(request)
            rendered = _rendered(report)
            status = HTTPStatus.OK
        except ApiError as error:
            status = error.status
            raise
        finally:
            self.metrics.observe_cleanup(status, report)
        return rendered

    async def _run(self, request: web.Request) -> CleanupReport:
        wanted = self._parse(request)
        bind_contextvars(session=session_digest(wanted.session_id))
        await discard_body(request, limit=self.server.limits.body, deadline=self.server.deadlines.body)
        try:
            report = await self.orchestrator.cleanup(wanted)
        except BrokenOff:
            raise Unavailable("The server ends, and has broken this cleanup off; send it again.", code="broken_off") from None
        bind_contextvars(**_outcome_words(report))
        return report

    def _parse(self, request: web.Request) -> CleanupRequest:
        session = session_id(request.match_info[SESSION])
        system, global_cache = system_and_global_cache(request.rel_url.raw_query_string)
        seals = request.headers.getall(HEADER, ())
        from_beyond = not any(seals) and self.callers.are_beyond(request)
        try:
            sealed = self.admission.of(session, system, seals, whole_system=global_cache, from_beyond=from_beyond)
        except UnknownSession:
            raise unknown_session() from None
        end_system = self.orchestrator.end_system
        if sealed is not None:
            return _by_seal(sealed, end_system, global_cache=global_cache)
        credential = Credential(request.headers.items(), needed=end_system.needed_headers)
        nothing_came = end_system.opens_sessions and not any(credential.values())
        foregone = (UNKNOWN_LOGIN if nothing_came else None) if end_system.ends_sessions else NOTHING_TO_END
        return CleanupRequest(session, system, global_cache, credential, foregone=foregone)


def _by_seal(sealed: Sealed, end_system: EndSystem, *, global_cache: bool) -> CleanupRequest:
    """Return the cleanup of a seal. A login that it holds has to be ended, whatever today's profile is."""
    no_login = NO_LOGIN if end_system.ends_sessions else NOTHING_TO_END
    return CleanupRequest(
        sealed.session_id,
        sealed.system_id,
        global_cache,
        sealed.credential or Credential(),
        login_id=sealed.login_id,
        origin=sealed.origin,
        foregone=None if sealed.has_login else no_login,
    )


def _rendered(report: CleanupReport) -> web.Response:
    given = answer(report)
    if given.status == HTTPStatus.OK:
        return json_answer(given.status, given.report, given.headers)
    raise ApiError(given.status, given.code or "", given.message or "", detail=given.report, headers=given.headers)


def _outcome_words(report: CleanupReport) -> dict[str, object]:
    evictions = {name: step.outcome.result.value for name, step in report.evictions.items()}
    hooks = {name: step.outcome.result.value for name, step in report.hooks.items()}
    words: dict[str, object] = {"logout": report.logout.outcome.result.value, "eviction": evictions}
    return words | ({"hooks": hooks} if hooks else {})
