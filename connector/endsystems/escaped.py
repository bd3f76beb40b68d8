"""Errors of the HTTP client that escape an author's `login` or `logout`: outcomes, as if the class had said so."""

from collections.abc import Awaitable

from aiohttp import ClientError, ClientResponseError, ContentTypeError, RedirectClientError, TooManyRedirects

from connector.endsystems.authored import returned
from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.authorised import TargetNotAllowed
from connector.endsystems.http.authors_client import ErrorStatus
from connector.endsystems.http.failures import ExchangeFailed, explained, may_pass
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult


async def logged_in(login: Awaitable[LoginOutcome]) -> LoginOutcome:
    """Return what becomes of a login. No answer, or a status that may pass, is an outage; any other error is a refusal.

    Raises `TypeError` if the method returns no outcome.
    """
    try:
        return await returned(login, LoginOutcome)
    except ClientError as problem:
        failed = _explained(problem)
        result = LoginResult.UNAVAILABLE if failed.passing else LoginResult.REFUSED
        return LoginOutcome(result, code=failed.code, message=failed.message, retry_after=_retry_after(problem))


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


def _explained(problem: ClientError) -> ExchangeFailed:
    match problem:
        case TargetNotAllowed():
            return ExchangeFailed("target_not_allowed", str(problem), passing=False)
        case ContentTypeError():
            return ExchangeFailed("unreadable_answer", "the answer is not of the type that was expected", passing=False)
        case TooManyRedirects() | RedirectClientError():
            return ExchangeFailed("unreadable_answer", "the answer redirects, and leads nowhere", passing=False)
        case ClientResponseError(status=status) if status >= 400:
            return ExchangeFailed(f"http_{status}", f"answered {status}", passing=may_pass(status))
    return explained(problem)


def _retry_after(problem: ClientError) -> float | None:
    return problem.retry_after if isinstance(problem, ErrorStatus) else None
