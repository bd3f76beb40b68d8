"""An end system that wants NTLM with each connection, and has sessions besides. Needs the package `pyspnego`."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import aiohttp
import spnego

from connector import Credential, EndSystem, LoginOutcome, LoginResult, LogoutOutcome, LogoutResult, SessionLogin

USER, PASSWORD, SESSION = "X-User", "X-Password", "X-Session"
SCHEME = "NTLM "


class Handshake:
    """Proves a user once on each connection, as a middleware: the end system knows him on that connection from then on."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send a request, and answer the challenges to it. No other request may come between them."""
        async with self._one_at_a_time:
            return await self._proved(request, handler)

    async def _proved(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answer = await handler(request)
        if answer.status != 401:
            return answer
        ours = spnego.client(self._user, self._password, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        theirs = None
        while not ours.complete:
            request.headers["Authorization"] = SCHEME + b64encode(ours.step(theirs) or b"").decode()
            answer = await handler(request)
            if (theirs := _challenge(answer)) is None:
                break
        return answer


def _challenge(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return what the end system wants to be answered; None if nothing, because it has accepted or refused."""
    for value in answer.headers.getall("WWW-Authenticate", []):
        if value.startswith(SCHEME):
            return b64decode(value.removeprefix(SCHEME))
    return None


class Ntlm(EndSystem):
    """Proves the user on the one connection of each run. User and password are kept sealed until the session ends."""

    needed_headers = (USER, PASSWORD, SESSION)

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Name what is missing."""
        return [f"{name}: is missing" for name in ("user", "password") if not settings.get(name)]

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Begin a session. A wrong password is one more 401, which escapes, and is a refused login by that."""
        del session_id
        user, password = settings["user"], settings["password"]
        tied = self.guarded.http(Handshake(user, password), for_login=True, connection="kept")
        async with tied as http, http.post("session") as answer:
            session = (await answer.json())["session"]
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([(USER, user), (PASSWORD, password), (SESSION, session)]))

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Return a client that proves the user at its first request, and whose requests carry the session."""
        known = session.credential
        proving = Handshake(known[USER], known[PASSWORD])
        return self.guarded.http(proving, headers=[(SESSION, known[SESSION])], accepted=session.accepted, connection="kept")

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """End the session. A 404 says that it is gone."""
        async with self.client(session) as http, http.delete("session") as answer:
            if answer.status == 404:
                return LogoutOutcome(LogoutResult.ALREADY_OUT)
            answer.raise_for_status()
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
