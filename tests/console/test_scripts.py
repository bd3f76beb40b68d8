"""What a script gets and does with the console's token, and what nobody does without it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector.config.settings import ConsoleSection
from tests.console.visitor import link_of
from tests.control.administered import CONSOLE_TOKEN, Administered, administered

BEARER = {"Authorization": f"Bearer {CONSOLE_TOKEN}"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Administered]:
    async with administered(tmp_path, ConsoleSection(enabled=True, port=0, token_env="CONSOLE_TOKEN")) as running:
        yield running


async def call(server: Administered, method: str, path: str, **options: Any) -> tuple[int, Any]:
    origin = (await link_of(server)).origin()
    async with aiohttp.ClientSession() as http, http.request(method, f"{origin}/api{path}", **options) as answer:
        return answer.status, await answer.json()


async def test_a_script_sees_what_the_command_line_sees(server: Administered) -> None:
    opened, debt = await server.open(1), await server.refused(2)

    (_, sessions), (_, owed), (_, status), (_, history) = [
        await call(server, "GET", path, headers=BEARER) for path in ("/sessions", "/owed", "/status", "/history")
    ]

    assert [row["session"] for row in sessions] == [opened.session_id]
    assert [row["id"] for row in owed] == [debt.id]
    assert status["ledger"]["sessions"] == 1
    assert "present" in history


async def test_a_script_closes_a_session_and_stands_in_the_audit_log(server: Administered) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"

    status, told = await call(server, "POST", path, headers=BEARER, json={"login": "login 1"})
    again, refusal = await call(server, "POST", path, headers=BEARER, json={"login": "login 1"})
    _, (line, *_) = await call(server, "GET", "/audit?limit=10", headers=BEARER)

    assert (status, told["state"]) == (200, "closed")
    assert (again, refusal["errors"]["code"]) == (404, "no_such_session")
    assert (line["who"], line["where"], line["action"]) == ("holder of the token", "console 127.0.0.1", "close")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {CONSOLE_TOKEN}f"},
        {"Authorization": f"Basic {CONSOLE_TOKEN}"},
        {"Cookie": f"console={CONSOLE_TOKEN}"},
    ],
    ids=["none", "empty", "wrong", "another scheme", "cookie"],
)
async def test_without_the_token_a_script_gets_and_does_nothing(server: Administered, headers: dict[str, str]) -> None:
    opened = await server.open(1)
    path = f"/sessions/{opened.session_id}/close"

    assert (await call(server, "GET", "/sessions", headers=headers))[0] == 401
    assert (await call(server, "POST", path, headers=headers, json={"login": "login 1"}))[0] == 401
    assert server.live.login_of(opened.session_id) == "login 1"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
async def test_a_web_page_calls_nothing_for_scripts(server: Administered, headers: dict[str, str]) -> None:
    assert (await call(server, "GET", "/sessions", headers=BEARER | headers))[0] == 403
