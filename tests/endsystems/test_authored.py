"""Mistakes in an author's class: each has a message that names the method and the remedy, and none loses what it need not."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from aiohttp import web
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.ledger.ledgers import raw, until
from tests.sessions.served import Served, served

Method = Callable[..., Any]


class Sound(EndSystem):
    """Logs in and out. A test puts its mistake in the place of a method."""

    ended: ClassVar[list[object]] = []

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        return made()

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        self.ended.append(session.credential.get("X-Token"))
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


def made(token: Any = "t", **more: Any) -> LoginOutcome:
    return LoginOutcome(LoginResult.LOGGED_IN, Credential([("X-Token", token)]), **more)


async def nothing(*_: object) -> None: ...


def with_method(name: str, method: Any) -> type[EndSystem]:
    return type("Mistaken", (Sound,), {name: method, "ended": []})


@pytest.mark.parametrize(
    ("name", "method", "problem"),
    [
        ("login", nothing, ""),
        ("login", lambda self, settings: None, "the method Mistaken.login cannot be called: expected `async def login(self, "),
        ("logout", lambda self: None, "expected `async def logout(self, session)`"),
        ("client", nothing, "the method Mistaken.client cannot be called: expected `def client(self, session)`"),
        ("check_settings", nothing, "expected `def check_settings(self, settings)`"),
        ("settings_for_handlers", nothing, "expected `def settings_for_handlers(self, settings)`"),
        ("origin", nothing, "expected `def origin(self, session)`"),
        ("open", lambda: None, "expected `async def open(self)`"),
        ("__init__", lambda self: None, "the class Mistaken cannot be made: expected `def __init__(self, settings)`"),
        ("logout", EndSystem.logout, "the class Mistaken lacks the method logout"),
        ("needed_headers", "X-Token", "Mistaken.needed_headers: expected a list of names, not one text"),
        ("Settings", dict, "Mistaken.Settings: expected a class that derives from `connector.EndSystemSettings`"),
        ("Settings", EndSystemSettings, ""),
    ],
)
def test_a_class_that_cannot_work_is_refused_when_the_configuration_is_checked(
    monkeypatch: pytest.MonkeyPatch, name: str, method: Any, problem: str
) -> None:
    monkeypatch.setitem(globals(), "Mistaken", with_method(name, method))
    section = settings.EndSystemSection(profile=f"{__name__}.Mistaken")
    if not problem:
        build_end_system(section, {})
        return
    with pytest.raises(ConfigurationError) as refused:
        build_end_system(section, {})
    (told,) = refused.value.problems
    assert told.startswith("end_system.profile: ")
    assert problem in told


async def used(request: web.Request) -> web.Response:
    return web.json_response(str(session_of(request).http))


async def life(server: Served) -> list[int]:
    """The statuses of an initialize, a call and a cleanup."""
    session = str(uuid4())
    opened = await server.opshub.initialize(session, [])
    if opened.status != 200:
        return [opened.status]
    headers = opened.session_headers
    return [200, (await server.opshub.call("/used", headers)).status, (await server.opshub.cleanup(session, headers)).status]


async def lived(folder: Path, name: str, method: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[str]]:
    """The statuses of a session's life with a mistake, and the last lines of the tracebacks in the log."""
    monkeypatch.setitem(globals(), "Mistaken", with_method(name, method))
    config = f'[end_system]\nprofile = "{__name__}.Mistaken"\nbase_url = "http://127.0.0.1:9"\n'
    with capture_logs([format_exc_info]) as logs:
        async with served(folder, config, routes=[web.get("/used", used)]) as server:
            statuses = await life(server)
    return statuses, [line["exception"].splitlines()[-1] for line in logs if "exception" in line]


@pytest.mark.parametrize(
    "case",
    [
        ("login", nothing, [500], "nothing returned NoneType; expected a connector.LoginOutcome: is a `return` missing?"),
        ("login", lambda *_: made(), [500], "returned LoginOutcome, which cannot be awaited: write `async def`"),
        ("logout", nothing, [200, 500, 500], "nothing returned NoneType; expected a connector.LogoutOutcome: is a `return`"),
        (
            "client",
            lambda *_: None,
            [200, 500, 200],
            "the method `client` returned NoneType; expected a context, such as `self.g",
        ),
        ("check_settings", lambda *_: "url: is missing", [500], "Mistaken.check_settings returned a text; expected a list of"),
        ("origin", lambda *_: None, [200, 500, 200], "Mistaken.origin returned NoneType; expected a text"),
        ("settings_for_handlers", lambda *_: {"n": 1}, [500], "Mistaken.settings_for_handlers: expected texts by their names"),
    ],
)
async def test_a_method_that_returns_the_wrong_thing_is_named_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[str, Method, list[int], str]
) -> None:
    name, method, statuses, told = case
    seen, exceptions = await lived(tmp_path, name, method, monkeypatch)
    assert seen == statuses
    assert any(told in exception for exception in exceptions)


async def test_a_logout_that_returns_nothing_stays_owed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await lived(tmp_path, "logout", nothing, monkeypatch)
    with raw(tmp_path) as file:
        assert file.execute("SELECT state FROM debts").fetchall() == [("waiting",)]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (lambda: made(token=5), "the credential of a login has int as value of x-token; expected text"),
        (lambda: made(returned={"X-Number": 5}), "X-Number: has a value of type int, expected text"),
    ],
)
async def test_a_login_with_a_value_that_is_no_text_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Callable[[], LoginOutcome], told: str
) -> None:
    async def login(*_: object) -> LoginOutcome:
        return outcome()

    monkeypatch.setitem(globals(), "Mistaken", with_method("login", login))
    config = f'[end_system]\nprofile = "{__name__}.Mistaken"\n'
    with capture_logs([format_exc_info]) as logs:
        async with served(tmp_path, config) as server:
            assert await life(server) == [500]
            await until(is_ended)

    assert told in str(logs)


async def is_ended() -> bool:
    return bool(globals()["Mistaken"].ended)


def test_an_outcome_with_something_else_than_a_credential_is_refused_at_once() -> None:
    wrong: Any = {"X-Token": "s3cret"}
    with pytest.raises(TypeError, match=r"^LoginOutcome.credential is dict; expected a connector.Credential$"):
        LoginOutcome(LoginResult.LOGGED_IN, wrong)
