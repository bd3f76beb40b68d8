"""What an author's login has done so far: an error that escapes it need not mean that nothing was made."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import aiohttp

from connector.endsystems.http.failures import explained, may_be_carried_out

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
OF_ANYBODY = frozenset(
    [
        *("accept", "accept-encoding", "host", "proxy-authorization", "user-agent", "traceparent", "tracestate"),
        *("accept-language", "cache-control", "origin", "pragma", "referer"),
    ]
)
"""Headers that do not say who asks: those that the client adds, and those of any page that a browser asks for."""


class LoginSoFar:
    """The requests of a login."""

    may_be_made = False
    """Whether one of those that have ended may have made it."""

    def __init__(self) -> None:
        self._handed_out = set[str]()
        self._under_way = 0
        self._last: list[aiohttp.ClientRequest] = []
        """The last request, and those that were under way with it."""

    @contextmanager
    def sending(self, request: aiohttp.ClientRequest) -> Iterator[None]:
        """Hold a request for the last one; what is sent within the context may be fetched for it, and does not hide it."""
        if not self._under_way:
            self._last = []
        self._last.append(request)
        self._under_way += 1
        has_no_answer = True
        try:
            yield
            has_no_answer = False
        except (aiohttp.ClientError, TimeoutError) as problem:
            has_no_answer = _is_unanswered(problem)
            raise
        finally:
            self._under_way -= 1
            # Also if it was cancelled, by a timeout of the class's own: it may go on after that, and then another request fail.
            self.may_be_made |= has_no_answer and self._may_log_in(request.request_info)

    def note(self, answer: aiohttp.ClientResponse) -> None:
        """Note an answer, which may be a redirect."""
        may_have_worked = answer.ok or may_be_carried_out(answer.status)
        self.may_be_made |= may_have_worked and self._may_log_in(answer.request_info)
        self._handed_out.update(f"{name}={cookie.coded_value}" for name, cookie in answer.cookies.items())

    def may_come_of(self, request: aiohttp.RequestInfo | None) -> bool:
        """Tell whether a request may log in. Without one, the last one is meant; it may if there is none that is known here."""
        if request is not None:
            return self._may_log_in(request)
        # Only now, because a middleware of the author's may have added who asks.
        return not self._last or any(self._may_log_in(last.request_info) for last in self._last)

    def _may_log_in(self, request: aiohttp.RequestInfo) -> bool:
        # One that only fetches a page, such as a form with its token, logs nobody in unless it says who asks.
        return request.method not in SAFE or bool(request.url.raw_query_string) or self._says_who(request)

    def _says_who(self, request: aiohttp.RequestInfo) -> bool:
        # A cookie that an earlier answer has set goes along with whatever is fetched next: a page of a form sets one for anybody.
        # If that answer was the login, it counts by itself. A body says so by the headers of its type and length.
        cookies = {cookie.strip() for text in request.headers.getall("Cookie", []) for cookie in text.split(";")}
        names = {name.lower() for name in request.headers} - OF_ANYBODY - {"cookie"}
        return bool(names) or not cookies <= self._handed_out


def _is_unanswered(problem: aiohttp.ClientError | TimeoutError) -> bool:
    # What is not HTTP is of this very class. Other answers with an error are to what a middleware has fetched for the request.
    is_of_the_way = (
        isinstance(problem, aiohttp.ClientConnectionError | TimeoutError) or type(problem) is aiohttp.ClientResponseError
    )
    return is_of_the_way and explained(problem).may_have_worked


_LOGIN: ContextVar[LoginSoFar | None] = ContextVar("login", default=None)
"""The login whose requests this task sends."""


@contextmanager
def watched() -> Iterator[LoginSoFar]:
    """Give what the login within this context has done so far."""
    login = LoginSoFar()
    token = _LOGIN.set(login)
    try:
        yield login
    finally:
        _LOGIN.reset(token)


def sending(request: aiohttp.ClientRequest) -> AbstractContextManager[None]:
    """Note a request that is sent within the context, if it is one of a login."""
    login = _LOGIN.get()
    return nullcontext() if login is None else login.sending(request)


def note(answer: aiohttp.ClientResponse) -> None:
    """Note an answer to a request, if it is one of a login."""
    login = _LOGIN.get()
    if login is not None:
        login.note(answer)
