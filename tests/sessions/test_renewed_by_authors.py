"""An author's own class and handlers renew a login: `session.renew`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM

OWN = '[end_system]\nprofile = "tests.sessions.test_renewed_by_authors.TokenSystem"\n'
NONE = '[end_system]\nprofile = "none"\n'


class TokenSystem(EndSystem):
    """Notes the tokens that it is given."""

    ended: ClassVar[list[Mapping[str, str]]] = []

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([("X-Token", "first"), ("X-User", "opshub")]))

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        self.ended.append({**session.credential})
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)

    @asynccontextmanager
    async def client(self, session: SessionLogin) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(headers={"X-Token": session.credential["X-Token"]}) as client:
            yield client


async def token(request: web.Request) -> web.Response:
    return web.json_response(session_of(request).http.headers["X-Token"])


async def renew(request: web.Request) -> web.Response:
    await session_of(request).renew({"x-token": request.query["by"]})
    return web.json_response({})


async def renew_wrongly(request: web.Request) -> web.Response:
    try:
        await session_of(request).renew(WRONG[int(request.query["case"])])
    except (TypeError, ValueError) as problem:
        return web.json_response(str(problem))
    raise AssertionError


WRONG: list[Any] = [
    "s3cret",
    None,
    {"X-Tokn": "s3cret"},
    {5: "s3cret"},
    {"X-User": "ann", "X-Token": None},
    {"X-Token": b"s3cret"},
    {"X-Token": ""},
    {":base_url": "http://evil.example"},
]
ROUTES = [web.get("/wrongly", renew_wrongly), web.get("/token", token), web.get("/renew", renew)]


async def test_what_a_handler_renews_is_what_the_class_is_given_and_ends(
    session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Mapping[str, str]] = []
    monkeypatch.setattr(TokenSystem, "ended", ended)
    async with served(tmp_path, OWN, routes=ROUTES) as server:
        headers = (await server.opshub.initialize(session, [], query=SYSTEM)).session_headers
        seen = [(await server.opshub.call("/token", headers)).body]
        for by in ("second", "third"):
            await server.opshub.call(f"/renew?by={by}", headers)
    async with served(tmp_path, OWN, routes=ROUTES) as server:
        seen.append((await server.opshub.call("/token", headers)).body)
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert seen == ["first", "third"]
    assert ended == [{"x-token": "third", "x-user": "opshub"}]


async def test_a_value_that_cannot_be_a_renewed_one_is_refused_and_changes_nothing(
    session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Mapping[str, str]] = []
    monkeypatch.setattr(TokenSystem, "ended", ended)
    async with served(tmp_path, OWN, routes=ROUTES) as server:
        headers = (await server.opshub.initialize(session, [], query=SYSTEM)).session_headers
        told = [(await server.opshub.call(f"/wrongly?case={case}", headers)).body for case in range(len(WRONG))]
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert told == [
        "session.renew: expected a mapping of names to values, not str",
        "session.renew: expected a mapping of names to values, not NoneType",
        "session.renew: the credential has no 'X-Tokn'; it has x-token, x-user",
        "session.renew: the credential has no 5; it has x-token, x-user",
        "session.renew: the value of X-Token is NoneType; expected text",
        "session.renew: the value of X-Token is bytes; expected text",
        "session.renew: the value of X-Token is empty",
        "session.renew: the credential has no ':base_url'; it has x-token, x-user",
    ]
    assert ended == [{"x-token": "first", "x-user": "opshub"}]


async def test_a_session_without_a_login_has_nothing_to_renew(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, NONE, routes=ROUTES) as server:
        headers = (await server.opshub.initialize(session, [], query=SYSTEM)).session_headers
        assert (await server.opshub.call("/renew?by=second", headers)).status == 500
