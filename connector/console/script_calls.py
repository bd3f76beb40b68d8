"""The console's calls for scripts: those of the control socket, as JSON, for whoever has the token."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from connector.admin.service import Admin
from connector.api.control import ServerCalls
from connector.api.control_caches import CacheCalls
from connector.api.control_owed import OwedCalls
from connector.api.control_sessions import SessionCalls
from connector.api.control_values import ok
from connector.console.visitors import API


@dataclass(frozen=True, slots=True)
class ScriptCalls:
    """Asks the service, and answers as the control socket does."""

    admin: Admin

    def routes(self, base: str) -> Iterator[web.RouteDef]:
        """Yield where they are called. They are no pages of a login, so `base` is none of theirs."""
        del base
        server = ServerCalls(self.admin, None)
        own = [web.get("/status", server.status), web.get("/history", self.history), web.get("/audit", server.audit)]
        for call in [*own, *CacheCalls(self.admin).routes(), *OwedCalls(self.admin).routes(), *SessionCalls(self.admin).routes()]:
            yield web.RouteDef(call.method, f"{API.rstrip('/')}{call.path}", call.handler, call.kwargs)

    async def history(self, _: web.Request) -> web.Response:
        """Tell what this server did in the last day."""
        return ok(self.admin.history())
