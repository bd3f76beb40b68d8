"""An end system over real HTTP whose answers replace the cookie of a login. Only the newest one is good for anything."""

import asyncio
from http.cookies import SimpleCookie
from itertools import count
from pathlib import Path

from aiohttp import web

from tests.endsystems.profiled import ProfiledEndSystem

PROFILE = Path(__file__).with_suffix(".toml")
SETTINGS = [{"key": "user", "value": "opshub", "sensitive": False}]


class Turnstile(ProfiledEndSystem):
    """Hands out tickets. A call with the newest ticket of a login is answered with the next one."""

    def __init__(self) -> None:
        self.tickets: dict[str, str] = {}
        """The newest ticket of each login that is open, by its number."""
        self.ended: list[str] = []
        """The tickets that logouts have ended, in their order."""
        self.refused = 0
        """Calls and logouts that came with an older ticket."""
        self.calls: asyncio.Queue[str] = asyncio.Queue()
        """The path of each call that was answered."""
        self.is_away = False
        """Whether it can end no login for now."""
        self.is_lenient = False
        """Whether the ticket before the newest one is still good for a call."""
        self.answering = asyncio.Event()
        """What `/late` waits for: its ticket is handed out, and not yet told. `/slow` waits before it looks at the ticket."""
        self.answering_later = asyncio.Event()
        """What `/later` waits for, in the same way."""
        self.nobody = asyncio.Event()
        """Set when the last login is ended."""
        self._logins, self._tickets = count(1), count(1)
        application = web.Application()
        application.router.add_post("/login", self.login)
        application.router.add_post("/logout", self.logout)
        application.router.add_get("/{path:.*}", self.call)
        super().__init__(application, PROFILE)

    async def login(self, request: web.Request) -> web.Response:
        answer = web.Response()
        self._hand_out(str(next(self._logins)), answer)
        answer.set_cookie("NODE", "n1")
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        if self.is_away:
            return web.Response(status=503)
        if (login := self._login(request)) is None:
            return web.Response(status=401)
        self.ended.append(self.tickets.pop(login))
        if not self.tickets:
            self.nobody.set()
        return web.Response(status=204)

    async def call(self, request: web.Request) -> web.Response:
        """Answer as the path says: `/plain` renews nothing, `/other` sets a cookie of another part of the site, and so on."""
        if request.path == "/slow":
            self.calls.put_nowait("/slow begins")
            await self.answering.wait()
        if (login := self._login(request)) is None:
            answer = web.json_response({}, status=401)
            answer.set_cookie("TICKET", "anonymous")
            return answer
        answer = web.json_response({"ticket": self.tickets[login]})
        match request.path:
            case "/late" | "/later":
                self._hand_out(login, answer)
                self.calls.put_nowait(request.path)
                await (self.answering if request.path == "/late" else self.answering_later).wait()
                return answer
            case "/plain":
                pass
            case "/other":
                answer.set_cookie("TICKET", "anothers", path="/other")
                answer.set_cookie("THEME", "dark")
            case "/deletes":
                answer.del_cookie("TICKET")
            case "/empties":
                answer.headers.add("Set-Cookie", "TICKET=; Path=/")
            case "/redirects":
                answer = web.Response(status=302, headers={"Location": "/plain"})
                self._hand_out(login, answer)
            case _:
                self._hand_out(login, answer)
        self.calls.put_nowait(request.path)
        return answer

    def _hand_out(self, login: str, answer: web.Response) -> None:
        self.tickets[login] = f"t{next(self._tickets)}.{login}"
        answer.set_cookie("TICKET", self.tickets[login], httponly=True)

    def _login(self, request: web.Request) -> str | None:
        """Return the login whose ticket a request carries, if it is the newest one."""
        ticket = SimpleCookie(request.headers.get("Cookie", ""))["TICKET"].value
        login = ticket.partition(".")[2]
        is_good = login in self.tickets and (self.tickets[login] == ticket or (self.is_lenient and request.method == "GET"))
        self.refused += not is_good
        return login if is_good else None
