"""A login is proved before its session is open; what is made and does not work is ended or owed, and said to be."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import connector
from tests.endsystems.profiled import ProfiledEndSystem
from tests.ledger.ledgers import raw, until
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM

PROBE = """
[verify]
method = "GET"
url = "{base_url}/me"
headers = { Authorization = "{credential.Authorization}" }
dead = [401]
alive = [200]
"""


@pytest.fixture
def probing(desk: Desk, tmp_path: Path) -> str:
    """An end system whose logins are proved."""
    return section(desk, tmp_path, PROFILE.read_text("utf-8") + PROBE)


def section(system: ProfiledEndSystem, folder: Path, profile: str) -> str:
    file = folder / "probing.toml"
    file.write_text(profile, "utf-8")
    return f'[end_system]\nprofile = "{file}"\nbase_url = "{system.url}"\n'


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with raw(folder) as file:
        return file.execute("SELECT state, outcome FROM debts").fetchall()


async def test_a_session_is_opened_by_a_login_that_the_probe_finds_alive(
    desk: Desk, session: str, tmp_path: Path, probing: str
) -> None:
    async with served(tmp_path, probing) as server:
        opened = await server.opshub.initialize(session, settings(), query=SYSTEM)
        closed = await server.opshub.cleanup(session, opened.session_headers, SYSTEM)

    assert desk.asked == ["POST /login", "GET /me", "POST /logout", "GET /me"]
    assert closed.body["logout"]["outcome"] == "verified"


async def test_a_credential_that_was_captured_wrongly_opens_no_session_and_is_owed(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    wrong = (PROFILE.read_text("utf-8") + PROBE).replace("Bearer {captured.token}", "Bearer {captured.token}x")
    async with served(tmp_path, section(desk, tmp_path, wrong)) as server:
        answer = await server.opshub.initialize(session, settings(), query=SYSTEM)

        (row,) = rows(tmp_path)
    errors = answer.body["errors"]
    assert (answer.status, errors["code"]) == (400, "not_alive")
    assert "the probe does not find its credential alive (401)" in errors["message"]
    assert "could not be ended, and stays owed" in errors["message"]
    assert row[0] == "waiting"
    assert "never_alive" in row[1]


async def test_an_answer_without_the_token_leaves_a_login_that_needs_attention(desk: Desk, session: str, tmp_path: Path) -> None:
    mistaken = PROFILE.read_text("utf-8").replace('json = "token"', 'json = "tokens"')
    async with served(tmp_path, section(desk, tmp_path, mistaken)) as server:
        answer = await server.opshub.initialize(session, settings(), query=SYSTEM)

        (row,) = rows(tmp_path)
    assert (answer.status, answer.body["errors"]["code"], row[0]) == (400, "capture_missing", "waiting")
    assert (desk.alive != set(), desk.logouts.total()) == (True, 0)


async def test_no_retry_takes_an_answer_for_the_end_of_a_login_that_was_never_alive(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    wrong = (PROFILE.read_text("utf-8") + PROBE).replace("Bearer {captured.token}", "Bearer {captured.token}x")
    configured = section(desk, tmp_path, wrong)
    async with served(tmp_path, configured) as server:
        await server.opshub.initialize(session, settings(), query=SYSTEM)
    async with served(tmp_path, configured):
        tried = desk.logouts.total()
        assert (await connector("owed", "retry", "1", folder=tmp_path)).exit_code == 0
        await until(partial(has_tried, desk, tried))
        await until(partial(is_waiting, tmp_path))

        ((state, outcome),) = rows(tmp_path)
    assert (state, "never_alive" in outcome) == ("waiting", True)


async def has_tried(desk: Desk, before: int) -> bool:
    return desk.logouts.total() > before


async def is_waiting(folder: Path) -> bool:
    return [state for state, _ in rows(folder)] == ["waiting"]
