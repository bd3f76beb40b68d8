"""`connector profiles test` of a profile that logs in: a whole life of a session, and which promises hold."""

import json
from pathlib import Path

import pytest

from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.endsystems.faulty import faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, VERIFY

HTTP = '\n[http]\nheaders = { Authorization = "{credential.Authorization}" }\n'
VARIABLES = {"PASSWORD": "right", "NAME": "us3r-canary"}
FROM_VARIABLES = ("--setting-env", "password=PASSWORD", "--setting-env", "username=NAME")


def profile(folder: Path, *, verify: str = VERIFY, logout: str = "logout", login: str = "login") -> Path:
    file = folder / "desk.toml"
    file.write_text(LOGOUT.format(path=logout) + verify.format(path="alive") + LOGIN.format(path=login) + HTTP)
    return file


async def test_a_trial_logs_in_and_out_and_out_again_and_names_the_promises(tmp_path: Path) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path), "--base-url", system.url, *FROM_VARIABLES)
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

        assert (ended.exit_code, ended.err, system.sessions) == (0, "", set())
    lines = ended.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        *("login[0]", "verify", "login: logged_in"),
        *("steps[0]", "verify", "outcome: verified"),
        *("steps[0]", "verify", "outcome: already_out"),
        *["pass"] * 4,
    ]
    assert "pass  verified-means-ended: a second logout says that there was nothing to end" in lines
    assert "canary" not in ended.out


async def test_a_logout_that_looks_the_same_without_a_session_is_warned_of(tmp_path: Path) -> None:
    async with faulty_system() as system:
        file = profile(tmp_path, verify="", logout="fine")
        command = ("profiles", "test", file, "--base-url", system.url, *FROM_VARIABLES, "--json")
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

    verdicts = {promise["id"]: promise["verdict"] for promise in ended.json["promises"]}
    assert ended.exit_code == 0
    assert verdicts == {
        "login-ended": "pass",
        "login-proved": "warn",
        "logout-verified": "warn",
        "verified-means-ended": "warn",
        "advice": "warn",
    }
    assert [ended.json[part]["outcome"] for part in ("login", "logout", "again")] == ["logged_in", "acknowledged", "acknowledged"]
    assert "canary" not in ended.out


async def test_a_logout_that_ends_nothing_fails_and_says_that_the_login_is_open(tmp_path: Path) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path, logout="fine"), "--base-url", system.url, *FROM_VARIABLES)
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

    assert ended.exit_code == 1
    assert "fail  login-ended: the login that was made may still be open" in ended.out
    assert "fail  logout-verified: the end system says that the session is out, but the old credential still works" in ended.out


@pytest.mark.parametrize(("path", "exit_code"), [("login", 1), ("status/503", 75)])
async def test_a_login_that_fails_ends_the_trial(tmp_path: Path, path: str, exit_code: int) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path, login=path), "--base-url", system.url, *FROM_VARIABLES)
        ended = await connector(*command, folder=tmp_path, environ={**VARIABLES, "PASSWORD": "wr0ng-canary"})

    assert ended.exit_code == exit_code
    assert ended.out.splitlines()[-1].startswith("login: ")
    assert "canary" not in ended.out + ended.err


async def test_settings_come_from_a_file_whose_secrets_come_from_variables(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(
        json.dumps(
            [
                {"key": "username", "value": "ann"},
                {"key": "password", "value_env": "PASSWORD", "sensitive": True},
            ]
        )
    )
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path), "--base-url", system.url, "--settings", "settings.json")
        ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

    assert (ended.exit_code, ended.err) == (0, "")


async def test_settings_that_are_missing_are_asked_for_and_not_shown(tmp_path: Path) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path), "--base-url", system.url)
        answers = {"username: ": "us3r-canary", "password: ": "right"}
        exit_code, shown = await at_a_terminal(*command, folder=tmp_path, answers=answers)

    assert exit_code == 0
    assert "outcome: verified" in shown
    assert "canary" not in shown


async def test_settings_that_are_missing_send_nothing_where_nobody_can_be_asked(tmp_path: Path) -> None:
    async with faulty_system() as system:
        ended = await connector("profiles", "test", profile(tmp_path), "--base-url", system.url, folder=tmp_path)

        assert (ended.exit_code, system.received) == (78, [])
    ways = "give it by --settings or --setting-env {}=VARIABLE, or at a terminal, which asks"
    assert ended.err.splitlines() == [f"settings: {name}: is missing; {ways.format(name)}" for name in ("username", "password")]


async def test_a_setting_that_is_given_by_a_mistyped_name_is_told_to_be_mistyped(tmp_path: Path) -> None:
    mistyped = ("--setting-env", "pasword=PASSWORD", "--setting-env", "username=NAME")
    command = ("profiles", "test", profile(tmp_path), "--base-url", "http://127.0.0.1:9", *mistyped)
    ended = await connector(*command, folder=tmp_path, environ=VARIABLES)

    assert (ended.exit_code, ended.err) == (78, "settings: password: is missing; is `pasword` mistyped?\n")


async def test_headers_that_are_given_are_logged_out_without_a_login(tmp_path: Path) -> None:
    async with faulty_system() as system:
        command = ("profiles", "test", profile(tmp_path), "--base-url", system.url, "--header-env", "Authorization=TOKEN")
        ended = await connector(*command, folder=tmp_path, environ={"TOKEN": system.log_in()})

        assert (ended.exit_code, system.logins, system.logouts) == (0, 0, 1)
