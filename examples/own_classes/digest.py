"""An end system that wants Digest authentication (RFC 7616) with each request, and has sessions besides."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import aiohttp

from connector import Credential, EndSystem, LoginOutcome, LoginResult, LogoutOutcome, LogoutResult, SessionLogin

USER, PASSWORD, SESSION = "X-User", "X-Password", "X-Session"


class Digest(EndSystem):
    """Answers the end system's challenges with user and password, which are kept sealed until the session ends."""

    needed_headers = (USER, PASSWORD, SESSION)

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Name what is missing."""
        return [f"{name}: is missing" for name in ("user", "password") if not settings.get(name)]

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Begin a session. A wrong password is a second 401, which escapes, and is a refused login by that."""
        del session_id
        user, password = settings["user"], settings["password"]
        digest = aiohttp.DigestAuthMiddleware(user, password)
        async with self.guarded.http(digest, for_login=True) as http, http.post("session") as answer:
            session = (await answer.json())["session"]
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([(USER, user), (PASSWORD, password), (SESSION, session)]))

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Return a client that answers challenges, and whose requests carry the session."""
        known = session.credential
        digest = aiohttp.DigestAuthMiddleware(known[USER], known[PASSWORD])
        return self.guarded.http(digest, headers=[(SESSION, known[SESSION])], accepted=session.accepted)

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """End the session. A 404 says that it is gone."""
        async with self.client(session) as http, http.delete("session") as answer:
            if answer.status == 404:
                return LogoutOutcome(LogoutResult.ALREADY_OUT)
            answer.raise_for_status()
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
