"""How somebody gets in and out: the page for a code or the token, and what a trusted proxy says."""

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from connector.api.callers import SEC_FETCH_SITE
from connector.api.rejections import Rejections
from connector.console.entrances import Entrances, Login
from connector.console.forms import FORM
from connector.console.pages import LOGIN, Pages
from connector.console.visitors import COOKIE, Visitors

log = structlog.get_logger(__name__)

REFUSED = "logins to the console were refused: the code was used before or is too old, or the token is wrong"


@dataclass(frozen=True, slots=True)
class EntrancePages:
    """Lets people in and out."""

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
            return self._in(request, self.entrances.let_in(user, by_proxy=True))
        return self.pages.page(request, "login.html", problem=None, user=user)

    async def log_in(self, request: web.Request) -> web.Response:
        """Let somebody in by a code or the token."""
        if (user := self.visitors.named_by_proxy(request)) is not None:
            return self._in(request, self.entrances.let_in(user, by_proxy=True))
        user = self.entrances.user_by(request[FORM].get("code", "").strip())
        if user is None:
            self.refusals.count("unknown")
            problem = "This code does not work: it was used before, or it is older than two minutes, or it is mistyped."
            return self.pages.page(request, "login.html", HTTPStatus.FORBIDDEN, problem=problem, user=None)
        return self._in(request, self.entrances.let_in(user))

    async def log_out(self, request: web.Request) -> web.Response:
        """End a login."""
        login = request[LOGIN]
        self.entrances.let_out(login)
        answer = _moved("/")
        answer.del_cookie(COOKIE, path=f"/s/{login.place}/")
        return answer

    def _in(self, request: web.Request, login: Login) -> web.Response:
        log.info("somebody has logged in to the console", user=login.user, address=request.remote)
        answer, path = _moved(f"/s/{login.place}/"), f"/s/{login.place}/"
        secure = self.visitors.is_over_tls(request)
        answer.set_cookie(COOKIE, login.cookie, path=path, httponly=True, samesite="Strict", secure=secure)
        return answer


def _moved(path: str) -> web.Response:
    """Send the browser to another page. Returned and not raised, as all answers are."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})
