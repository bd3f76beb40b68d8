"""How somebody gets in and out: the page for a code or the token, and what a trusted proxy says."""

from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from connector.admin.service import Admin
from connector.api.callers import SEC_FETCH_SITE
from connector.api.rejections import Rejections
from connector.console.entrances import Entrances, Login
from connector.console.forms import FORM
from connector.console.pages import LOGIN, Pages
from connector.console.visitors import Visitors, cookie_of
from connector.model.audit import Action, Actor
from connector.model.errors import LedgerUnavailable

log = structlog.get_logger(__name__)

REFUSED = "logins to the console were refused: the code was used before or is too old, or the token is wrong"


@dataclass(frozen=True, slots=True)
class EntrancePages:
    """Lets people in and out."""

    admin: Admin
    entrances: Entrances
    visitors: Visitors
    pages: Pages
    refusals: Rejections

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where people come in and go out."""
        return [web.get("/", self.front), web.post("/login", self.log_in), web.post(f"{base}/logout", self.log_out)]

    async def front(self, request: web.Request) -> web.Response:
        """Ask for a code or the token. Whom a trusted proxy names is in already, unless another page has sent him here."""
        user = self.visitors.named_by_proxy(request)
        if user is not None and request.headers.get(SEC_FETCH_SITE) in {None, "none", "same-origin"}:
            return await self._in(request, self.entrances.let_in(user, by_proxy=True))
        return self.pages.page(request, "login.html", problem=None, user=user)

    async def log_in(self, request: web.Request) -> web.Response:
        """Let somebody in by a code or the token."""
        if (user := self.visitors.named_by_proxy(request)) is not None:
            return await self._in(request, self.entrances.let_in(user, by_proxy=True))
        user = self.entrances.user_by(request[FORM].get("code", "").strip())
        if user is None:
            self.refusals.count("unknown")
            problem = "This code does not work: it was used before, or it is older than two minutes, or it is mistyped."
            return self.pages.page(request, "login.html", HTTPStatus.FORBIDDEN, problem=problem, user=None)
        return await self._in(request, self.entrances.let_in(user))

    async def log_out(self, request: web.Request) -> web.Response:
        """End a login."""
        login = request[LOGIN]
        self.entrances.let_out(login)
        answer = _moved("/")
        answer.del_cookie(cookie_of(login.place), path=f"/s/{login.place}/")
        return answer

    async def _in(self, request: web.Request, login: Login) -> web.Response:
        await self._noted(request, login)
        answer, path = _moved(f"/s/{login.place}/"), f"/s/{login.place}/"
        secure = self.visitors.is_over_tls(request)
        answer.set_cookie(cookie_of(login.place), login.cookie, path=path, httponly=True, samesite="Strict", secure=secure)
        return answer

    async def _noted(self, request: web.Request, login: Login) -> None:
        """Write that somebody has come in. He gets in all the same if that fails: he may come to see what the ledger lacks."""
        log.info("somebody has logged in to the console", user=login.user, address=request.remote)

        async def nothing() -> None:
            """A login is over when it begins."""

        with suppress(LedgerUnavailable):
            by = Actor(login.user, f"console {request.remote}")
            await self.admin.audit_book.done(by, Action.CONSOLE_LOGIN, "console", nothing, lambda _: "let in")


def _moved(path: str) -> web.Response:
    """Send the browser to another page. Returned and not raised, as all answers are."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})
