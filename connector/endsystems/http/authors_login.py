"""What an author's login has done so far: an error that escapes it need not mean that nothing was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import aiohttp

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])


class LoginSoFar:
    """The requests of a login that have ended."""

    may_be_made = False
    """Whether one of them may have made it."""

    def note(self, answer: aiohttp.ClientResponse) -> None:
        """Note an answer, which may be a redirect."""
        self.may_be_made |= answer.ok and _may_log_in(answer.request_info)


def _may_log_in(request: aiohttp.RequestInfo) -> bool:
    # One that only fetches a page, such as a form with its token, logs nobody in unless it says who asks.
    return request.method not in SAFE or "Authorization" in request.headers


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


def note(answer: aiohttp.ClientResponse) -> None:
    """Note an answer to a request, if it is one of a login."""
    login = _LOGIN.get()
    if login is not None:
        login.note(answer)
