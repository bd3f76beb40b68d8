"""An end system that gives one user one token: the last of the sessions with it ends it, where the profile says so."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.sessions.desk import PROFILE, Desk
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened

SESSIONS = [f"{number}1111111-1111-4111-8111-111111111111" for number in range(3)]
ONLY = "the-only-token"


def section(desk: Desk, folder: Path) -> str:
    """The desk's section, with a profile that says that logins are shared."""
    profile = folder / "shared.toml"
    profile.write_text(f"shared = true\n{PROFILE.read_text()}")
    return f'[end_system]\nprofile = "{profile}"\nbase_url = "{desk.url}"\n'


async def outcome(server: Served, session: str, headers: dict[str, str]) -> tuple[int, str, str | None]:
    answer = await server.opshub.cleanup(session, headers, SYSTEM)
    return answer.status, answer.body["logout"]["outcome"], answer.body["logout"].get("code")


async def test_the_last_session_ends_the_login_and_the_others_report_that_it_is_shared(desk: Desk, tmp_path: Path) -> None:
    desk.only_token = ONLY
    async with served(tmp_path, section(desk, tmp_path)) as server:
        headers = [await opened(server, session) for session in SESSIONS]
        first = await outcome(server, SESSIONS[0], headers[0])
        assert desk.alive == {ONLY}, "the others go on"
    async with served(tmp_path, section(desk, tmp_path)) as server:
        second = await outcome(server, SESSIONS[1], headers[1])
        duplicate = await outcome(server, SESSIONS[0], headers[0])
        assert desk.alive == {ONLY}
        last = await outcome(server, SESSIONS[2], headers[2])

    assert [first, second, duplicate] == [(200, "not_applicable", "shared")] * 3
    assert last[:2] == (200, "acknowledged")
    assert desk.logouts == {ONLY: 1}
    assert not desk.alive


async def test_a_session_that_logs_in_anew_leaves_the_shared_login_to_the_others(desk: Desk, tmp_path: Path) -> None:
    desk.only_token = ONLY
    async with served(tmp_path, section(desk, tmp_path)) as server:
        first, second = [await opened(server, session) for session in SESSIONS[:2]]
        desk.only_token = "another"
        again = await opened(server, SESSIONS[0])
        assert (await outcome(server, SESSIONS[0], again))[1] == "acknowledged"
        assert desk.alive == {ONLY}
        assert (await outcome(server, SESSIONS[1], second))[1] == "acknowledged"

    assert first != again
    assert not desk.alive


async def test_only_a_profile_that_shares_logins_shows_which_credentials_are_equal(desk: Desk, tmp_path: Path) -> None:
    desk.only_token = ONLY
    shares = {}
    for folder, config in ((tmp_path / "shared", section(desk, tmp_path)), (tmp_path / "alone", desk.section)):
        async with served(folder, config) as server:
            for session in SESSIONS[:2]:
                await opened(server, session)
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as file:
            shares[folder.name] = [share for (share,) in file.execute("SELECT share FROM sessions")]

    assert shares["alone"] == [None, None]
    assert shares["shared"][0] == shares["shared"][1]
    assert len(shares["shared"][0]) == 32
