"""What an administrator asks about what is cached, and does about it."""

from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from connector.admin.service import Admin
from connector.api.actors import actor_of
from connector.api.control_values import body_of, converted, ok
from connector.api.http_errors import ApiError
from connector.api.parameters import LONGEST_SYSTEM


class ChosenSystem(msgspec.Struct, forbid_unknown_fields=True):
    """Which system is meant; None for those of which sessions are open."""

    system: str | None = None


class OneSystem(msgspec.Struct, forbid_unknown_fields=True):
    """Which system is meant."""

    system: str


class CacheCalls(Struct, frozen=True):
    """Parses what an administrator asks about what is cached, asks the service, and renders its answers."""

    admin: Admin

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [web.get("/caches", self.show), web.post("/caches/evict", self.evict)]

    async def show(self, request: web.Request) -> web.Response:
        """Show what is cached."""
        system = converted(dict(request.query), ChosenSystem).system
        return ok(await self.admin.caches(None if system is None else _valid(system)))

    async def evict(self, request: web.Request) -> web.Response:
        """Evict all that is cached of a system."""
        system = converted(await body_of(request), OneSystem).system
        return ok(await self.admin.evict(await actor_of(request), _valid(system)))


def _valid(system: str) -> str:
    """Return a system's id if OpsHub could name it so."""
    if not (0 < len(system) <= LONGEST_SYSTEM and system.isprintable()):
        message = f"The id of the system has to be 1 to {LONGEST_SYSTEM} printable characters."
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_parameter", message)
    return system
