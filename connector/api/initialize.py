"""`POST /initialize/{sdkSessionId}`: opens a session in the end system."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from msgspec import Struct
from structlog.contextvars import bind_contextvars

from connector.api.body import read_body
from connector.api.boundary import note_reason
from connector.api.http_errors import ApiError, BadRequest, Conflict, RateLimited, Unavailable, internal_error
from connector.api.parameters import SESSION, session_id, system_id
from connector.api.rendering import ErrorAnswer, ErrorShapes, json_answer
from connector.api.settings_list import SystemSettings, decoded, encoded, invalid_settings
from connector.config.settings import ServerSection
from connector.endsystems.authored import settings_problems
from connector.endsystems.end_system import EndSystem, LoginOutcome
from connector.model import retry_after as waiting
from connector.model.errors import UnknownSession
from connector.model.outcomes import LoginResult
from connector.model.redaction import Redaction
from connector.sessions.opening_outcomes import NotOpened, Opened, OpeningRequest, Result
from connector.sessions.openings import Openings
from connector.sessions.seal import HEADER, Sealed, Seals
from connector.telemetry.logs import session_digest
from connector.telemetry.metrics import Metrics

TELLING = 3
"""A value of a setting with at least so many characters is kept out of the log."""
LONGEST_TEXT = 300
"""Characters of an end system's text that the log takes."""


class Handover(web.Response):
    """The answer that gives OpsHub a seal."""

    def __init__(self, written: Callable[[], None], **options: Any) -> None:
        """Make it as any answer; `written` is called once the connection has taken all of it."""
        super().__init__(**options)
        self._written = written

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the body. Raises `ConnectionError` if the client has gone."""
        await super().write_eof(data)
        self._written()


class InitializeCall(Struct, frozen=True):
    """Parses, runs, renders."""

    openings: Openings
    end_system: EndSystem
    seals: Seals
    server: ServerSection
    shapes: ErrorShapes
    metrics: Metrics

    async def handle(self, request: web.Request) -> web.Response:
        """Open one session. Raises `ApiError` if the call is wrong. Never answers 401, which would make OpsHub log in again."""
        try:
            wanted, settings = await self._parsed(request)
        except ApiError:
            self.metrics.observe_initialize("invalid")
            raise
        result: Result = NotOpened.DEFECT
        try:
            result = await self.openings.open(wanted, lambda: _still_there(request))
        finally:
            self.metrics.observe_initialize(_word(result))
        if isinstance(result, Opened):
            headers = encoded(result.headers, settings.sensitive | {HEADER})
            return json_answer(HTTPStatus.OK, headers, kind=partial(Handover, result.answered))
        _note(result, wanted)
        return self.shapes.render(_error_of(result), request.rel_url.raw_path)

    async def _parsed(self, request: web.Request) -> tuple[OpeningRequest, SystemSettings]:
        session, system = session_id(request.match_info[SESSION]), system_id(request.rel_url.raw_query_string)
        bind_contextvars(session=session_digest(session))
        limits, deadlines = self.server.limits, self.server.deadlines
        settings = decoded(await read_body(request, limit=limits.initialize, deadline=deadlines.body))
        if problems := [*settings_problems(self.end_system, settings.values), *self.openings.faults(settings.values)]:
            raise invalid_settings(problems)
        return OpeningRequest(session, system, settings.values, self._replaced(request, session)), settings

    def _replaced(self, request: web.Request, session: str) -> Sealed | None:
        """Return what the session was until now: OpsHub sends the seal along, which may be another process's."""
        try:
            sealed = self.seals.opened(request.headers.getall(HEADER, ()))
        except UnknownSession:
            return None
        return sealed if sealed.session_id == session else None


def _still_there(request: web.Request) -> bool:
    transport = request.transport
    return transport is not None and not transport.is_closing()


def _word(result: Result) -> str:
    """Return what became of an initialize, as one of the metrics' words."""
    match result:
        case Opened():
            return "opened"
        case NotOpened():
            return result.value
        case LoginOutcome():
            return f"login_{result.result.value}"


def _note(result: NotOpened | LoginOutcome, wanted: OpeningRequest) -> None:
    """Let the request's line in the log say why the session is not open, in the end system's own words if it gave some."""
    bind_contextvars(reason=_word(result))
    if isinstance(result, NotOpened):
        note_reason(_error_of(result))
    else:
        told = {"code": result.code, "message": result.message}
        bind_contextvars(**{name: _without_values(text, wanted) for name, text in told.items() if text})


def _without_values(text: str, wanted: OpeningRequest) -> str:
    """Return a text without the values of the settings, which an end system or an author's class may repeat."""
    redaction = Redaction()
    redaction.learn(value for value in wanted.settings.values() if len(value) >= TELLING)
    return redaction.redacted(text)[:LONGEST_TEXT]


def _error_of(result: NotOpened | LoginOutcome) -> ErrorAnswer:
    match result:
        case NotOpened.OVERTAKEN:
            message = "The session was cleaned up or opened anew while it was being opened; a login that was made is being ended."
            return Conflict(message, code="session_closed").answer
        case NotOpened.NO_SEAT:
            message = (
                "As many logins as are allowed are open, or not surely ended (end_system.seats). The end system was not asked."
            )
            return RateLimited(message, code="no_seat", retry_after=waiting.DEFAULT).answer
        case NotOpened.DEFECT:
            return internal_error()
        case NotOpened():
            return _unavailable(result)
        case LoginOutcome():
            return _not_logged_in(result)


def _unavailable(result: NotOpened) -> ErrorAnswer:
    match result:
        case NotOpened.NOT_RECORDED:
            message = "The ledger could not record the session. A login that was made is being ended."
            return Unavailable(message, code="ledger_unavailable").answer
        case NotOpened.NOT_ENDED:
            message = "The session's earlier login could not be ended yet, and only one is allowed at a time; it is tried again."
            return Unavailable(message, code="earlier_login_not_ended").answer
        case NotOpened.STORE_AWAY:
            message = (
                "The store is away, so that what the session has cached before could not be evicted. "
                "A login that was made is being ended."
            )
            return Unavailable(message, code="store_unavailable").answer
    return Unavailable("The server is being stopped and opens no session any more.", code="stopping").answer


def _not_logged_in(outcome: LoginOutcome) -> ErrorAnswer:
    if outcome.result is LoginResult.UNAVAILABLE:
        retry_after = max(1, round(waiting.bounded(outcome.retry_after) or waiting.DEFAULT))
        message = f"The end system is away: {outcome.message or outcome.code or 'no answer'}"
        return Unavailable(message, code=outcome.code or "end_system_unavailable", retry_after=retry_after).answer
    message = f"The login was refused: {outcome.message or outcome.code or 'no reason given'}"
    return BadRequest(message, code=outcome.code or "login_refused").answer
