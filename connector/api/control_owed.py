"""What an administrator asks about what is owed, and does about it."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Struct
from structlog.contextvars import bind_contextvars

from connector.admin.service import Admin
from connector.admin.shown import Choice
from connector.api.actors import actor_of
from connector.api.control_values import body_of, converted, ok

LARGEST_ID = 2**63 - 1
"""As SQLite numbers rows."""
ROW = r"/owed/{id:[0-9]{1,18}}"


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """Which rows are wanted, in the order of their ids."""

    state: Choice = "open"
    system: str | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """How to try a logout again."""

    here: bool = False
    """At today's end system, though its login was made at another one."""


class Dismissal(msgspec.Struct, forbid_unknown_fields=True):
    """Why nobody has to do a logout any more."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class OwedCalls(Struct, frozen=True):
    """Parses what an administrator asks about what is owed, asks the service, and renders its answers."""

    admin: Admin

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [
            web.get("/owed", self.listing),
            web.get(ROW, self.show),
            web.post(f"{ROW}/retry", self.retry),
            web.post(f"{ROW}/dismiss", self.dismiss),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List rows."""
        chosen = converted(dict(request.query), Chosen)
        return ok(await self.admin.rows(chosen.state, system=chosen.system, after=chosen.after, limit=chosen.limit))

    async def show(self, request: web.Request) -> web.Response:
        """Show one row."""
        return ok(await self.admin.row(_id(request)))

    async def retry(self, request: web.Request) -> web.Response:
        """Make a logout due now."""
        wanted = converted(await body_of(request) or {}, Retry)
        return ok(await self.admin.make_due(await actor_of(request), _id(request), here=wanted.here))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Close a logout that nobody will do."""
        dismissal = converted(await body_of(request), Dismissal)
        await self.admin.dismiss(await actor_of(request), _id(request), dismissal.reason)
        return ok({"id": _id(request)})


def _id(request: web.Request) -> int:
    id_ = int(request.match_info["id"])
    bind_contextvars(debt=id_)
    return id_
