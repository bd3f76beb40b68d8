"""What OpsHub is answered if an error of the end system escapes an author's handler: one table."""

from http import HTTPStatus

from aiohttp import (
    ClientConnectionError,
    ClientHttpProxyError,
    ClientPayloadError,
    ContentTypeError,
    RedirectClientError,
    TooManyRedirects,
)

from connector.api.http_errors import ApiError, Conflict, NotFound, RateLimited, Unauthorized, Unavailable
from connector.endsystems.http.authorised import RedirectNotAllowed
from connector.endsystems.http.authors_answer import AnswerNotJson, ErrorStatus, UnpackedAnswerTooLarge
from connector.endsystems.http.failures import LoginNotRenewed, explained, may_pass
from connector.model import retry_after as waiting

REFUSED_AGAIN = (
    "The end system refuses a login that was made just now. May its user make this call? Does `[http]` of the profile carry it?"
)
UNANSWERED = (ClientConnectionError, ClientPayloadError, ClientHttpProxyError, TimeoutError)
LED_OUT = (
    "The end system redirects the call to where `end_system.allowed_urls` does not lead; that is often a page for logging in."
)
UNREADABLE: dict[type[Exception], str] = {
    ContentTypeError: "is not of the type that the handler expects; a login page often comes in its place",
    AnswerNotJson: "is not the JSON that it says to be",
    UnpackedAnswerTooLarge: "is too large to be unpacked in one piece",
    TooManyRedirects: "leads from one redirect to the next",
    RedirectClientError: "redirects to what is no address of HTTP",
}


def as_api_error(problem: Exception, *, login_is_new: bool) -> ApiError | None:
    """Return the answer to a call whose handler has raised `problem`; None if that is no failure of the end system.

    `login_is_new` tells that the session has logged in just now: then a 401 would make OpsHub log in again and again.
    """
    if isinstance(problem, ExceptionGroup):
        return _of_many([as_api_error(each, login_is_new=login_is_new) for each in problem.exceptions])
    match problem:
        case ErrorStatus(status=HTTPStatus.UNAUTHORIZED) if login_is_new:
            return ApiError(HTTPStatus.BAD_GATEWAY, "login_refused_again", REFUSED_AGAIN)
        case ErrorStatus():
            return _of_status(problem)
    return _of_answer(problem) or _of_exchange(problem)


def _of_many(errors: list[ApiError | None]) -> ApiError | None:
    """Return the error of a group that OpsHub can do most about; None if one of them is a defect."""
    known = [error for error in errors if error is not None]
    return min(known, key=lambda error: error.status) if len(known) == len(errors) else None


def _of_status(problem: ErrorStatus) -> ApiError:
    status, wait = problem.status, problem.retry_after
    code, message = f"http_{status}", f"The end system answered {status}."
    match status:
        case 401:
            return Unauthorized(message, code=code)
        case 403 | 429 if status == 429 or wait is not None:
            return RateLimited(message, code=code, retry_after=wait)
        case 404:
            return NotFound(message, code=code)
        case 409 | 412:
            return Conflict(message, code=code)
    if may_pass(status):
        return Unavailable(message, code=code, retry_after=waiting.DEFAULT if wait is None else wait)
    return ApiError(HTTPStatus.BAD_GATEWAY, code, message)


def _of_answer(problem: Exception) -> ApiError | None:
    if isinstance(problem, RedirectNotAllowed):
        return ApiError(HTTPStatus.BAD_GATEWAY, "target_not_allowed", LED_OUT)
    why = next((text for kind, text in UNREADABLE.items() if isinstance(problem, kind)), None)
    return None if why is None else ApiError(HTTPStatus.BAD_GATEWAY, "unreadable_answer", f"The end system's answer {why}.")


def _of_exchange(problem: Exception) -> ApiError | None:
    if not isinstance(problem, UNANSWERED):
        return None
    if isinstance(problem, LoginNotRenewed):
        return Unavailable(f"The end system could not renew the login for now ({problem}).", code="refresh")
    failed = explained(problem)
    message = f"The end system could not be asked: {failed.message}."
    return Unavailable(message, code=failed.code) if failed.passing else ApiError(HTTPStatus.BAD_GATEWAY, failed.code, message)
