"""The pages of what is owed: a list, one row, and how a logout is tried again or given up by hand."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from structlog.contextvars import bind_contextvars

from connector.admin.service import Admin
from connector.admin.shown import Choice, ShownDebt
from connector.api.control_owed import LARGEST_ID, Dismissal, Retry
from connector.console.asking import AskedFirst, Field, ToldAfterwards
from connector.console.forms import sent, wanted
from connector.console.listed_pages import ONE_MORE, one_page
from connector.console.pages import BY_SCRIPT, Pages, actor_before
from connector.console.session_pages import answer_in_words

LIST = "/owed"
ROW = "/owed/{id:[0-9]{1,18}}"
RETRYING = "The end system is asked now, and not only when the next try is due."
DISMISSING = "Nobody tries this logout any more. If its login is still open in the end system, it stays open there."
HERE = "Send it to today's end system, though its login was made at another one"


class OwedWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows a page shows, in the order of their ids."""

    state: Choice = "open"
    system: str | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] = 0


class TriesSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a logout had been tried when it was made due."""

    attempts: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class OwedPages:
    """Asks the service about what is owed, and shows its answers."""

    admin: Admin
    pages: Pages

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the pages are."""
        return [
            web.get(f"{base}{LIST}", self.listing),
            web.get(f"{base}{ROW}", self.show),
            web.get(f"{base}{ROW}/retry", self.ask_retry),
            web.post(f"{base}{ROW}/retry", self.retry),
            web.get(f"{base}{ROW}/tried", self.tried),
            web.get(f"{base}{ROW}/dismiss", self.ask_dismiss),
            web.post(f"{base}{ROW}/dismiss", self.dismiss),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """Show a page of the list."""
        chosen = wanted(request, OwedWanted)
        found = await self.admin.rows(chosen.state, system=chosen.system, after=chosen.after, limit=ONE_MORE)
        rows, following = one_page(request, found, "after", lambda row: row.id)
        return self.pages.page(request, "owed.html", rows=rows, chosen=chosen, following=following, words=_last_answer)

    async def show(self, request: web.Request) -> web.Response:
        """Show one row."""
        row = await self.admin.row(_id(request))
        return self.pages.page(request, "debt.html", row=row, about=_about(row))

    async def ask_retry(self, request: web.Request) -> web.Response:
        """Ask whether a logout is to be tried now."""
        row = await self.admin.row(_id(request))
        box = HERE if row.moved_to is not None or (row.reason or "").startswith("held back") else None
        action = f"{LIST}/{row.id}/retry"
        question = AskedFirst("Try this logout again?", _about(row), RETRYING, action, "Try it now", back=LIST, here=box)
        return self.pages.page(request, "ask.html", question=question)

    async def retry(self, request: web.Request) -> web.Response:
        """Make a logout due now. It is tried in the background: the page looks again."""
        made_due = await self.admin.make_due(actor_before(request), _id(request), here=sent(request, Retry).here)
        return self._told_of_tries(request, made_due, made_due.attempts)

    async def tried(self, request: web.Request) -> web.Response:
        """Say what became of a logout that was made due. The page's script is told nothing before there is something new."""
        row, seen = await self.admin.row(_id(request)), wanted(request, TriesSeen).attempts
        if BY_SCRIPT in request.headers and _is_under_way(row, seen):
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return self._told_of_tries(request, row, seen)

    async def ask_dismiss(self, request: web.Request) -> web.Response:
        """Ask whether a logout is to be given up, and why."""
        row = await self.admin.row(_id(request))
        action = f"{LIST}/{row.id}/dismiss"
        question = AskedFirst("Dismiss this logout?", _about(row), DISMISSING, action, "Dismiss it", back=LIST, reason=True)
        return self.pages.page(request, "ask.html", question=question)

    async def dismiss(self, request: web.Request) -> web.Response:
        """Give a logout up."""
        id_ = _id(request)
        await self.admin.dismiss(actor_before(request), id_, sent(request, Dismissal).reason)
        told = ToldAfterwards("done", "The logout is dismissed", _about(await self.admin.row(id_)), back=LIST)
        return self.pages.page(request, "told.html", told=told)

    def _told_of_tries(self, request: web.Request, row: ShownDebt, seen: int) -> web.Response:
        again = f"{LIST}/{row.id}/tried?attempts={seen}"
        match row.state:
            case "closed":
                told = ToldAfterwards("done", "The logout is done", _about(row), back=LIST)
            case _ if _is_under_way(row, seen):
                told = ToldAfterwards("waiting", "The logout is being tried", _about(row), back=LIST, look_again=again)
            case "owed":
                told = ToldAfterwards("waiting", "It was tried, and is tried again later", _about(row), back=LIST)
            case _:
                told = ToldAfterwards("attention", "It was tried, and needs attention", _about(row), back=LIST)
        return self.pages.page(request, "told.html", told=told)


def _id(request: web.Request) -> int:
    id_ = int(request.match_info["id"])
    bind_contextvars(debt=id_)
    return id_


def _is_under_way(row: ShownDebt, seen: int) -> bool:
    """Tell whether a logout that was made due has not been tried since."""
    return row.state != "closed" and row.attempts <= seen


def _last_answer(row: ShownDebt) -> str:
    return "" if row.last_answer is None else answer_in_words(row.last_answer)


def _about(row: ShownDebt) -> list[Field]:
    """Return everything about a row, line by line."""
    lines: list[Field | None] = [
        ("Row", row.id),
        ("Session", row.session),
        ("System", row.system or "not told"),
        ("End system", row.origin),
        ("Moved to", row.moved_to) if row.moved_to else None,
        ("State", row.state),
        ("Reason", row.reason) if row.reason else None,
        ("Tries", row.attempts),
        ("Last answer", _last_answer(row)) if row.last_answer else None,
        ("Evictions owed by", ", ".join(row.owed_evictions)) if row.owed_evictions else None,
    ]
    return [line for line in lines if line is not None]
