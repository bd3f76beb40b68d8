"""The login that an author's requests carry: always its newest credential, and renewed by the answers."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial

import aiohttp
import structlog

from connector.endsystems.end_system import SessionLogin
from connector.endsystems.http.failures import LoginNotRenewed
from connector.endsystems.http.response import Response
from connector.endsystems.http.site import Site
from connector.endsystems.profile.kept_cookies import KeptCookies
from connector.endsystems.profile.logout import UNFIT_COOKIE, HttpLogout
from connector.endsystems.profile.outgoing import headers_of
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.refreshing import HttpRefresh
from connector.endsystems.profile.request import Headed
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential
from connector.model.errors import LedgerUnavailable

log = structlog.get_logger(__name__)


class CarriedLogin:
    """One login during one call of a handler. Raises `CannotSend` if its credential lacks something."""

    def __init__(self, session: SessionLogin, profile: Profile, head: Headed, site: Site) -> None:
        self._session = session
        self._head = head
        self._site = site
        self._logout = HttpLogout(profile, site)
        self._refresh = HttpRefresh(profile, site) if profile.refresh else None
        self._cookies = KeptCookies.of(head)
        self._may_be_renewed = not profile.shared  # or the other sessions would keep the old cookie, which nothing ends
        self._credential = session.credential
        self._headers = self._made(session.credential)

    async def carry(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Add the login to a request, as a middleware. What its answer renews is durable before anybody sees the answer.

        A login is renewed before it expires, and after a 401. Then the request is sent once more, if its body is still there.
        So it is if the answer to another request has renewed the login meanwhile, because that may have ended the older one.

        Raises `LoginNotRenewed` or `TimeoutError` if the login is refused and cannot be renewed for now.
        """
        stale_at = self._newest().stale_at
        if stale_at is not None and stale_at <= time.time():
            # The old token may still be good. If not, the end system says so.
            with suppress(TimeoutError, LoginNotRenewed, LedgerUnavailable):
                await self._has_renewed(self._newest())
        if self._session.in_use is not None:
            await self._session.in_use.settled()
        carried = self._newest()
        answer = await self._sent(request, handler, carried)
        if answer.status != 401 or getattr(request.body, "consumed", False):
            return answer
        with ExitStack() as stack:
            stack.callback(answer.release)
            if not await self._has_renewed(carried):
                stack.pop_all()
                return answer
        return await self._sent(request, handler, self._newest())

    async def _has_renewed(self, older: Credential) -> bool:
        """Renew the login unless somebody has, and tell whether there is a newer credential. It goes on if it takes too long."""
        in_use = self._session.in_use
        if in_use is None:
            return False
        await in_use.settled()
        if self._refresh is not None and self._newest() == older:
            async with asyncio.timeout(self._site.deadline):
                await in_use.refresh(older, self._refresh.run)
                await in_use.settled()
        return self._newest() != older

    async def _sent(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, credential: Credential
    ) -> aiohttp.ClientResponse:
        if credential is not self._credential:
            self._credential, self._headers = credential, self._made(credential)
        # Set at each hop, because aiohttp drops credentials at a redirect to another origin, which may still be allowed.
        for name, value in self._headers:
            request.headers[name] = value
        number = self._session.in_use.sent() if self._session.in_use is not None else 0
        answer = await handler(request)
        await self._take_renewed(answer, number)
        return answer

    async def _take_renewed(self, answer: aiohttp.ClientResponse, number: int) -> None:
        """Take the cookies that an answer has renewed.

        An error may set the cookie of a session that nobody has logged in, so it renews nothing.
        """
        if "Set-Cookie" in answer.headers and answer.status < 400 and self._session.in_use is not None and self._may_be_renewed:
            newest = self._newest()
            cookies = self._renewed_by(answer, newest)
            if self._cookies.renewed(newest, cookies):
                change = partial(self._cookies.put_into, cookies=cookies)
                await self._session.in_use.renew(change, request=number)

    def _newest(self) -> Credential:
        in_use = self._session.in_use
        return self._session.credential if in_use is None else in_use.credential

    def _made(self, credential: Credential) -> Sequence[tuple[str, str]]:
        return [*headers_of("http", self._head, self._site.after_login(credential))]

    def _renewed_by(self, answer: aiohttp.ClientResponse, newest: Credential) -> Sequence[tuple[str, str]]:
        """Return the cookies of an answer that the logout takes; none if it would not take one of them."""
        response = Response(answer.status, [*answer.headers.items()], b"", url=answer.url)
        try:
            cookies = self._logout.cookies_renewed_by(response, self._cookies, newest)
            self._made(self._cookies.put_into(newest, cookies))
        except CannotSend as problem:
            log.warning(UNFIT_COOKIE, reason=problem.code)
            return []
        return cookies
