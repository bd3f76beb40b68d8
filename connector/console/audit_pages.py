"""The page of the audit log: who did what, from where, and what came of it."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import web

from connector.admin.service import Admin
from connector.api.control_owed import LARGEST_ID
from connector.console.forms import wanted
from connector.console.listed_pages import ONE_MORE, one_page
from connector.console.pages import Pages


class AuditWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines a page shows, the newest first."""

    before: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None


@dataclass(frozen=True, slots=True)
class AuditPages:
    """Asks the service what was done, and shows its answers."""

    admin: Admin
    pages: Pages

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the page is."""
        return [web.get(f"{base}/audit", self.listing)]

    async def listing(self, request: web.Request) -> web.Response:
        """Show a page of the log."""
        before = wanted(request, AuditWanted).before
        found = await self.admin.audit(before=before, limit=ONE_MORE)
        rows, following = one_page(request, found, "before", lambda row: row.id)
        return self.pages.page(request, "audit.html", rows=rows, before=before, following=following)
