"""Errors of the HTTP client that escape an author's `login` or `logout`: outcomes, as if the class had said so."""

from collections.abc import Awaitable

from aiohttp import (
    ClientError,
    ClientHttpProxyError,
    ClientResponseError,
    ContentTypeError,
    RedirectClientError,
    RequestInfo,
    TooManyRedirects,
)

from connector.endsystems.authored import returned
from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.authorised import TargetNotAllowed
from connector.endsystems.http.authors_answer import AnswerNotJson, ErrorStatus
from connector.endsystems.http.authors_login import watched
from connector.endsystems.http.failures import ExchangeFailed, explained, may_be_carried_out, may_pass
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult


async def logged_in(login: Awaitable[LoginOutcome]) -> LoginOutcome:
    """Return what becomes of a login. No answer, or a status that may pass, is an outage; any other error is a refusal.

    It may be made if the request that failed may have been carried out, or an earlier one has succeeded. A request that only
    fetches something makes none.

    Raises `TypeError` if the method returns no outcome.
    """
    with watched() as so_far:
        try:
            return await returned(login, LoginOutcome)
        except ClientError as problem:
            failed = _explained(problem)
            result = LoginResult.UNAVAILABLE if failed.passing else LoginResult.REFUSED
            return LoginOutcome(
                result,
                code=failed.code,
                message=failed.message,
                retry_after=_retry_after(problem),
                may_be_made=so_far.may_be_made or (failed.may_have_worked and so_far.may_come_of(_request_of(problem))),
            )


async def logged_out(logout: Awaitable[LogoutOutcome]) -> LogoutOutcome:
    """Return what becomes of a logout. After no answer, or a status that may pass, it is tried again; else it is refused.

    Raises `TypeError` if the method returns no outcome.
    """
    try:
        return await returned(logout, LogoutOutcome)
    except ClientError as problem:
        failed = _explained(problem)
        result = LogoutResult.PENDING if failed.passing else LogoutResult.REFUSED
        return LogoutOutcome(result, failed.code, failed.message, _retry_after(problem))


def _request_of(problem: ClientError) -> RequestInfo | None:
    return problem.request_info if isinstance(problem, ClientResponseError) else None


def _explained(problem: ClientError) -> ExchangeFailed:
    match problem:
        case TargetNotAllowed():
            return ExchangeFailed("target_not_allowed", str(problem), passing=False)
        case ContentTypeError(status=status):
            return _unreadable("is not of the type that was expected", may_have_worked=status < 400 or may_be_carried_out(status))
        case AnswerNotJson():
            return _unreadable("is not the JSON that it says to be", may_have_worked=True)
        case TooManyRedirects() | RedirectClientError():
            return _unreadable("redirects, and leads nowhere", may_have_worked=True)
        case ClientResponseError(status=status) if status >= 400:
            # A proxy that opens no tunnel has sent nothing on.
            worked = may_be_carried_out(status) and not isinstance(problem, ClientHttpProxyError)
            return ExchangeFailed(f"http_{status}", f"answered {status}", passing=may_pass(status), may_have_worked=worked)
    return explained(problem)


def _unreadable(why: str, *, may_have_worked: bool) -> ExchangeFailed:
    return ExchangeFailed("unreadable_answer", f"the answer {why}", passing=False, may_have_worked=may_have_worked)


def _retry_after(problem: ClientError) -> float | None:
    return problem.retry_after if isinstance(problem, ErrorStatus) else None
