"""What an administrator asks about sessions, and does about them."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Struct
from structlog.contextvars import bind_contextvars

from connector.admin.service import Admin
from connector.admin.shown_sessions import SessionFilter
from connector.api.actors import actor_of
from connector.api.control_owed import LARGEST_ID
from connector.api.control_values import body_of, converted, ok
from connector.api.http_errors import ApiError
from connector.model.session_ids import canonical
from connector.telemetry.logs import session_digest

SESSION = "/sessions/{session}"


class ChosenSessions(SessionFilter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions are wanted, in the order of their places."""

    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class OneLogin(msgspec.Struct, forbid_unknown_fields=True):
    """Which login of a session is meant, so that no later one is ended by mistake."""

    login: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SessionCalls(Struct, frozen=True):
    """Parses what an administrator asks about sessions, asks the service, and renders its answers."""

    admin: Admin

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [
            web.get("/sessions", self.listing),
            web.get(SESSION, self.show),
            web.post(f"{SESSION}/close", self.close),
            web.post(f"{SESSION}/dismiss", self.dismiss),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List sessions."""
        chosen = converted(dict(request.query), ChosenSessions)
        return ok(await self.admin.sessions(chosen, after=chosen.after, limit=chosen.limit))

    async def show(self, request: web.Request) -> web.Response:
        """Show one session, with all of its logins."""
        return ok(await self.admin.session(id_of_session(request)))

    async def close(self, request: web.Request) -> web.Response:
        """Clean a session up."""
        meant = converted(await body_of(request), OneLogin)
        return ok(await self.admin.close(await actor_of(request), id_of_session(request), meant.login))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Forget a login of which nobody knows what it has made."""
        meant = converted(await body_of(request), OneLogin)
        await self.admin.dismiss_login(await actor_of(request), id_of_session(request), meant.login)
        return ok({"session": id_of_session(request), "login": meant.login})


def id_of_session(request: web.Request) -> str:
    """Return the id of the session that a path names, and name its digest in the log. Raises `ApiError` if it is no UUID."""
    id_ = canonical(request.match_info["session"])
    if id_ is None:
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid_parameter", "The id of the session is no UUID.")
    bind_contextvars(session=session_digest(id_))
    return id_
