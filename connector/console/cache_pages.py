"""The page of what is cached, by store and by system, and how a system's is evicted by hand."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import web

from connector.admin.service import Admin
from connector.admin.shown_caches import EvictedSystem
from connector.api.parameters import LONGEST_SYSTEM
from connector.console.asking import AskedFirst, Field, ToldAfterwards
from connector.console.forms import sent, wanted
from connector.console.pages import Pages, actor_before

LIST = "/caches"
EVICTING = (
    "All that is cached of this system is evicted from every store, that of its sessions, too. The sessions stay open. "
    "What they need is read anew from the end system."
)
SystemId = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SYSTEM, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class CachesWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which system a page shows; None for those of which sessions are open."""

    system: SystemId | None = None


class SystemMeant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which system is to be evicted."""

    system: SystemId


@dataclass(frozen=True, slots=True)
class CachePages:
    """Asks the service what is cached, and shows its answers."""

    admin: Admin
    pages: Pages

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the pages are."""
        return [
            web.get(f"{base}{LIST}", self.show),
            web.get(f"{base}{LIST}/evict", self.ask_evict),
            web.post(f"{base}{LIST}/evict", self.evict),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what is cached."""
        chosen = wanted(request, CachesWanted)
        caches = await self.admin.caches(chosen.system)
        return self.pages.page(request, "caches.html", caches=caches, chosen=chosen)

    async def ask_evict(self, request: web.Request) -> web.Response:
        """Ask whether a system is to be evicted."""
        system = wanted(request, SystemMeant).system
        question = AskedFirst(
            "Evict what is cached of this system?",
            [("System", system)],
            EVICTING,
            f"{LIST}/evict",
            "Evict it",
            back=LIST,
            hidden=[("system", system)],
        )
        return self.pages.page(request, "ask.html", question=question)

    async def evict(self, request: web.Request) -> web.Response:
        """Evict a system."""
        evicted = await self.admin.evict(actor_before(request), sent(request, SystemMeant).system)
        return self.pages.page(request, "told.html", told=_told(evicted))


def _told(evicted: EvictedSystem) -> ToldAfterwards:
    about: list[Field] = [("System", evicted.system)]
    about += [(f"Cache {driver}", result) for driver, result in evicted.evictions.items()]
    about += [(f"Hook {hook}", result) for hook, result in evicted.hooks.items()]
    if evicted.owed:
        return ToldAfterwards("waiting", "The eviction is owed by some stores, which serve nothing of it", about, back=LIST)
    return ToldAfterwards("done", "The system is evicted", about, back=LIST)
