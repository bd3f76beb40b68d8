"""`connector check-config`, and what every command says about a configuration that cannot work."""

from pathlib import Path

import pytest

from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.config.reading import NOTEBOOK

CANARY = "c4nary-s3cret"
WRONG = "[server]\nport = 'http'\nprot = 1\n"


@pytest.mark.parametrize("command", ["serve", "check-config"])
async def test_a_configuration_that_cannot_work_ends_with_78_and_a_line_for_each_problem(tmp_path: Path, command: str) -> None:
    (tmp_path / "config.toml").write_text(WRONG)

    ended = await connector(command, folder=tmp_path, environ={"CONNECTOR__LOGS__LEVEL": "loud"})

    assert (ended.exit_code, ended.out) == (78, "")
    assert ended.err.splitlines() == [
        "server.port: expected a whole number from 0 to 65535 (config.toml)",
        "server.prot: unknown key; did you mean `port`? (config.toml)",
        "logs.level: expected one of debug, info, warning, error (environment variable CONNECTOR__LOGS__LEVEL)",
    ]


async def test_a_person_at_a_terminal_sees_the_problems_in_a_panel(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WRONG)

    exit_code, shown = await at_a_terminal("serve", folder=tmp_path)

    assert exit_code == 78
    assert "The configuration cannot work" in shown
    assert "server.prot: unknown key; did you mean `port`?" in shown


async def test_a_script_gets_the_problems_as_json(tmp_path: Path) -> None:
    ended = await connector("check-config", "--json", "--config", "nowhere.toml", folder=tmp_path)

    assert (ended.exit_code, ended.err) == (78, "")
    assert ended.json == {"valid": False, "problems": ["nowhere.toml: cannot be read: No such file or directory"]}


async def test_a_script_gets_every_value_and_who_set_it_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(NOTEBOOK + "pages = 7\n[server]\nport = 1")
    environ = {
        "CONNECTOR_CONFIG": "mine.toml",
        "CONNECTOR__CONNECTOR__NAME": "ours",
        "CONNECTOR__END_SYSTEM__PROFILE": "tests.config.desk.Desk",
        "CONNECTOR__END_SYSTEM__SETTINGS__PIN": CANARY,
        "CONNECTOR__STORAGE__NOTES__PASSWORD": CANARY,
    }

    ended = await connector("check-config", "--json", folder=tmp_path, environ=environ)

    values = ended.json["values"]
    assert (ended.exit_code, ended.json["valid"]) == (0, True)
    assert values["server.port"] == {"value": 1, "source": "mine.toml"}
    assert values["server.host"] == {"value": "127.0.0.1", "source": "default"}
    assert values["connector.name"] == {"value": "ours", "source": "environment variable CONNECTOR__CONNECTOR__NAME"}
    assert values["storage.notes.pages"] == {"value": 7, "source": "mine.toml"}
    assert values["storage.notes.password"]["value"] == values["end_system.settings"]["value"]["pin"] == "***"
    assert CANARY not in ended.out + ended.err


async def test_the_password_in_a_url_does_not_show(tmp_path: Path) -> None:
    environ = {"CONNECTOR__END_SYSTEM__PROXY": f"http://me:{CANARY}@proxy:3128"}

    ended = await connector("check-config", folder=tmp_path, environ=environ)

    assert (
        'end_system.proxy\t"http://***@proxy:3128"\tenvironment variable CONNECTOR__END_SYSTEM__PROXY' in ended.out.splitlines()
    )


async def test_a_person_at_a_terminal_sees_the_values_in_a_table(tmp_path: Path) -> None:
    exit_code, shown = await at_a_terminal("check-config", folder=tmp_path)

    assert exit_code == 0
    assert "set by" in shown
    assert "server.port" in shown


async def test_the_version_is_that_of_the_project(tmp_path: Path) -> None:
    ended = await connector("--version", folder=tmp_path)

    assert (ended.exit_code, ended.out) == (0, "0.1.0\n")


async def test_an_unknown_command_ends_with_2(tmp_path: Path) -> None:
    assert (await connector("servr", folder=tmp_path)).exit_code == 2
