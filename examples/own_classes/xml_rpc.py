"""An end system that speaks XML-RPC, and whose failures are faults in a 200."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from xmlrpc.client import Fault, dumps, loads

import aiohttp

from connector import Credential, EndSystem, LoginOutcome, LoginResult, LogoutOutcome, LogoutResult, SessionLogin

SESSION = "X-Session"
NO_SUCH_SESSION = 403
"""The end system's own number of the fault."""


class XmlRpc(EndSystem):
    """Logs in by one method of the end system, and out by another."""

    needed_headers = (SESSION,)

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Name what is missing."""
        return [f"{name}: is missing" for name in ("user", "password") if not settings.get(name)]

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Log in. A fault is a refusal, in words that repeat nothing."""
        del session_id
        async with self.guarded.http(for_login=True) as http:
            try:
                session = await call(http, "session.login", settings["user"], settings["password"])
            except Fault as fault:
                message = "the user or the password is wrong"
                return LoginOutcome(LoginResult.REFUSED, code=f"fault_{fault.faultCode}", message=message)
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([(SESSION, session)]))

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Return a client whose requests carry the session. A handler calls `call(session.http, ...)` with it."""
        # `accepted` is not told of every 200, because a fault is one as well.
        return self.guarded.http(headers=[(SESSION, session.credential[SESSION])])

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """Log out."""
        try:
            async with self.client(session) as http:
                await call(http, "session.logout")
        except Fault as fault:
            known = fault.faultCode == NO_SUCH_SESSION
            return LogoutOutcome(LogoutResult.ALREADY_OUT if known else LogoutResult.REFUSED, f"fault_{fault.faultCode}")
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


async def call(http: aiohttp.ClientSession, method: str, *arguments: Any) -> Any:
    """Call a method of the end system, and return its result. Raises `Fault`, and what `session.http` raises."""
    body = dumps(arguments, method, allow_none=True).encode()
    async with http.post("RPC2", data=body, headers={"Content-Type": "text/xml"}) as answer:
        text = await answer.text()
    if "<!DOCTYPE" in text:  # no answer has one, and it could name entities that grow without an end
        raise aiohttp.ClientPayloadError("an XML-RPC answer with a document type")
    return loads(text)[0][0]
