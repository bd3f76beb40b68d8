"""The pages of sessions: a list, one session with its logins, and how one is ended by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web

from connector.admin.phrases import span
from connector.admin.service import Admin
from connector.admin.shown import LastAnswer
from connector.admin.shown_sessions import ClosedSession, SessionFilter, ShownSession
from connector.api.control_owed import LARGEST_ID
from connector.api.control_sessions import OneLogin, id_of_session
from connector.console.asking import AskedFirst, Field, ToldAfterwards
from connector.console.forms import sent, wanted
from connector.console.listed_pages import ONE_MORE, one_page
from connector.console.pages import Pages, actor_before
from connector.model.errors import NoSuchSession

SESSION = "/sessions/{session}"
LIST = "/sessions"
CLOSING = (
    "It is logged out of the end system, and what it has cached is evicted. OpsHub opens a new one with its next call, if it "
    "needs one."
)
DISMISSING = (
    "Only this server forgets the login. Look for it in the end system first, and end it there: otherwise it stays open. "
    "Nobody is told of it again."
)


class SessionsWanted(SessionFilter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions a page shows, in the order of their places."""

    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] = 0


@dataclass(frozen=True, slots=True)
class SessionPages:
    """Asks the service about sessions, and shows its answers."""

    admin: Admin
    pages: Pages

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the pages are."""
        return [
            web.get(f"{base}{LIST}", self.listing),
            web.get(f"{base}{SESSION}", self.show),
            web.get(f"{base}{SESSION}/close", self.ask_close),
            web.post(f"{base}{SESSION}/close", self.close),
            web.get(f"{base}{SESSION}/dismiss", self.ask_dismiss),
            web.post(f"{base}{SESSION}/dismiss", self.dismiss),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """Show a page of the list."""
        chosen = wanted(request, SessionsWanted)
        found = await self.admin.sessions(chosen, after=chosen.after, limit=ONE_MORE)
        rows, following = one_page(request, found, "after", lambda row: row.place)
        return self.pages.page(request, "sessions.html", rows=rows, chosen=chosen, following=following)

    async def show(self, request: web.Request) -> web.Response:
        """Show one session, with each of its logins."""
        return self.pages.page(request, "session.html", rows=await self.admin.session(id_of_session(request)))

    async def ask_close(self, request: web.Request) -> web.Response:
        """Ask whether a session is to be ended."""
        row = await self._row(request)
        question = _question(row, "Close this session?", CLOSING, "close", "Close the session")
        return self.pages.page(request, "ask.html", question=question)

    async def close(self, request: web.Request) -> web.Response:
        """End a session."""
        closed = await self.admin.close(actor_before(request), id_of_session(request), sent(request, OneLogin).login)
        return self.pages.page(request, "told.html", told=_told(closed))

    async def ask_dismiss(self, request: web.Request) -> web.Response:
        """Ask whether a login is to be forgotten."""
        row = await self._row(request)
        question = _question(row, "Dismiss this login?", DISMISSING, "dismiss", "Dismiss the login")
        return self.pages.page(request, "ask.html", question=question)

    async def dismiss(self, request: web.Request) -> web.Response:
        """Forget a login of which nobody knows what it has made."""
        id_, login = id_of_session(request), sent(request, OneLogin).login
        await self.admin.dismiss_login(actor_before(request), id_, login)
        told = ToldAfterwards("done", "The login is dismissed", [("Session", id_), ("Login", login)], back=LIST)
        return self.pages.page(request, "told.html", told=told)

    async def _row(self, request: web.Request) -> ShownSession:
        meant = wanted(request, OneLogin).login
        for row in await self.admin.session(id_of_session(request)):
            if row.login == meant:
                return row
        raise NoSuchSession("the session has another login by now")


def _question(row: ShownSession, title: str, consequence: str, verb: str, button: str) -> AskedFirst:
    about: list[Field] = [("Session", row.session), ("System", row.system or "not told"), ("End system", row.origin)]
    if row.idle is not None:
        about.append(("Not used for", span(row.idle)))
    if row.sharers:
        about.append(("Other sessions with the same login", row.sharers))
    action = f"{LIST}/{quote(row.session, safe='')}/{verb}"
    return AskedFirst(title, about, consequence, action, button, back=LIST, hidden=[("login", row.login)])


def _told(closed: ClosedSession) -> ToldAfterwards:
    about = [("Session", closed.session), ("Logout", answer_in_words(closed.logout)), *_parts(closed)]
    match closed.state:
        case "closed":
            return ToldAfterwards("done", "The session is closed", about, back=LIST)
        case "owed":
            return ToldAfterwards(
                "waiting", "The session is closed here, and its logout is owed: it is tried again", about, back="/owed"
            )
        case _:
            return ToldAfterwards(
                "attention", "The session is closed here, and its logout needs attention", about, back="/owed?state=waiting"
            )


def answer_in_words(answer: LastAnswer) -> str:
    """Say what an end system has answered."""
    outcome = f"{answer.outcome} (not proved)" if answer.proved is False else answer.outcome
    return ": ".join(filter(None, (outcome, answer.code, answer.message)))


def _parts(closed: ClosedSession) -> Iterator[Field]:
    yield from ((f"Cache {driver}", result) for driver, result in closed.evictions.items())
    yield from ((f"Hook {hook}", result) for hook, result in closed.hooks.items())
    if not closed.recorded:
        yield "Record", "the ledger did not take it before it was tried"
