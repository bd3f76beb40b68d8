"""`connector check-config`, and what every command says about a configuration that cannot work."""

from pathlib import Path
from typing import Any

import pytest

from connector.cli.effective import effective_values
from connector.preflight.loading import read
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.config.reading import NOTEBOOK
from tests.endsystems.opened import LOGIN, LOGOUT, VERIFY
from tests.ledger.test_lost_keys import an_open_session, left

CANARY = "c4nary-s3cret"
KEYS = {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"}
FLEET = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
"""
WRONG = "[server]\nport = 'http'\nprot = 1\n"


@pytest.mark.parametrize("command", ["serve", "check-config"])
async def test_a_configuration_that_cannot_work_ends_with_78_and_a_line_for_each_problem(tmp_path: Path, command: str) -> None:
    (tmp_path / "config.toml").write_text(WRONG)

    ended = await connector(command, folder=tmp_path, environ={"CONNECTOR__LOGS__LEVEL": "loud"})

    assert (ended.exit_code, ended.out) == (78, "")
    assert ended.err.splitlines() == [
        f"server.port: expected a whole number from 0 to 65535 ({tmp_path}/config.toml)",
        f"server.prot: unknown key; did you mean `port`? ({tmp_path}/config.toml)",
        "logs.level: expected one of debug, info, warning, error (environment variable CONNECTOR__LOGS__LEVEL)",
    ]


@pytest.mark.parametrize("command", ["serve", "check-config"])
async def test_lost_keys_that_the_ledger_needs_end_with_78_and_are_not_replaced(tmp_path: Path, command: str) -> None:
    await left(tmp_path / "var", an_open_session)

    ended = await connector(command, folder=tmp_path)

    assert ended.exit_code == 78
    assert f"ledger.key_file: {tmp_path}/var/keys/ledger.keys: is missing, and {tmp_path}/var/ledger.sqlite3 holds" in ended.err
    assert not (tmp_path / "var" / "keys").exists()


async def test_a_person_at_a_terminal_sees_the_problems_in_a_panel(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WRONG)

    exit_code, shown = await at_a_terminal("serve", folder=tmp_path)

    assert exit_code == 78
    assert "This cannot work" in shown
    assert "server.prot: unknown key; did you mean `port`?" in shown


async def test_a_script_gets_the_problems_as_json(tmp_path: Path) -> None:
    ended = await connector("check-config", "--json", "--config", "nowhere.toml", folder=tmp_path)

    assert (ended.exit_code, ended.err) == (78, "")
    assert ended.json == {"valid": False, "problems": [f"{tmp_path}/nowhere.toml: cannot be read: No such file or directory"]}


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"CONNECTOR_LEDGER_KEYS": "one:short"}, "CONNECTOR_LEDGER_KEYS: entry 1: expected id:key"),
        ({"CONNECTOR__LEDGER__KEY_FILE": "open.keys"}, "ledger.key_file: {folder}/open.keys: others may read it"),
        ({**KEYS, "CONNECTOR__STORAGE__SHARED__PASSWORD_ENV": "UNSET_PASSWORD"}, "storage.shared: "),
        ({**KEYS, "AIOCACHE_DISABLE": "1"}, "storage.shared: "),
    ],
    ids=["malformed key", "open key file", "no password", "a store that does nothing"],
)
async def test_what_serve_refuses_is_told_by_check_config_in_the_same_words(
    tmp_path: Path, environ: dict[str, str], line: str
) -> None:
    (tmp_path / "config.toml").write_text(FLEET)
    (tmp_path / "open.keys").write_text(KEYS["CONNECTOR_LEDGER_KEYS"])
    (tmp_path / "open.keys").chmod(0o644)

    served = await connector("serve", folder=tmp_path, environ=environ)
    checked = await connector("check-config", folder=tmp_path, environ=environ)

    assert (served.exit_code, checked.exit_code) == (78, 78)
    assert served.err == checked.err
    assert checked.err.startswith(line.format(folder=tmp_path))
    assert not (tmp_path / "var").exists()


async def test_a_fleet_without_keys_is_checked_and_shown_and_told_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(FLEET)

    as_text = await connector("check-config", folder=tmp_path)
    as_json = await connector("check-config", "--json", folder=tmp_path)

    assert (as_text.exit_code, as_json.exit_code) == (78, 78)
    assert f'storage.shared.backend\t"redis"\t{tmp_path}/config.toml' in as_text.out.splitlines()
    assert as_text.err.startswith(f"ledger.key_file: {tmp_path}/var/keys/ledger.keys: is not there.")
    assert as_json.json["problems"] == as_text.err.splitlines()
    assert as_json.json["values"]["storage.shared.backend"]["value"] == "redis"


@pytest.mark.parametrize(
    ("environ", "in_force", "source"),
    [
        ({}, False, "default"),
        ({"CONNECTOR__SERVER__HOST": "0.0.0.0"}, True, "server.host, which is beyond loopback"),
        (
            {"CONNECTOR__SERVER__HOST": "0.0.0.0", "CONNECTOR__SECURITY__ALLOW_UNSEALED_CLEANUP_BEYOND_LOOPBACK": "true"},
            False,
            "security.allow_unsealed_cleanup_beyond_loopback",
        ),
        (
            {"CONNECTOR__SERVER__HOST": "0.0.0.0", "CONNECTOR__SECURITY__REQUIRE_SEAL": "true"},
            True,
            "environment variable CONNECTOR__SECURITY__REQUIRE_SEAL",
        ),
    ],
    ids=["loopback", "beyond", "switched off", "by name"],
)
def test_whether_a_seal_is_required_is_shown_as_it_is_in_force_with_the_reason(
    environ: dict[str, str], in_force: bool, source: str
) -> None:
    assert shown("security.require_seal", environ) == (in_force, source)


def test_idle_sessions_are_shown_to_be_left_alone_with_the_reason_unless_it_is_set() -> None:
    value, source = shown("sessions.idle_timeout", {})

    assert (value, source.partition(";")[0]) == ("off", "default, because `connector serve` sees no calls of sessions")
    assert shown("sessions.idle_timeout", {"CONNECTOR__SESSIONS__IDLE_TIMEOUT": "600"})[0] == 600


def test_where_requests_may_go_is_shown_as_it_is_in_force_without_a_login() -> None:
    environ = {"CONNECTOR__END_SYSTEM__PROFILE": "jira-datacenter", "CONNECTOR__END_SYSTEM__BASE_URL": "https://jira.test/a"}
    allowed = {"CONNECTOR__END_SYSTEM__ALLOWED_URLS": "https://jira.test"}

    assert shown("end_system.allowed_urls", {}) == ([], "default")
    assert shown("end_system.allowed_urls", environ) == (["https://jira.test/a"], "end_system.base_url")
    assert shown("end_system.allowed_urls", environ | allowed)[0] == ["https://jira.test"]


def test_a_key_file_that_the_variable_overrules_is_shown_as_none() -> None:
    value, source = shown("ledger.key_file", KEYS)

    assert (value, source) == (None, "environment variable CONNECTOR_LEDGER_KEYS, which holds the keys")


def shown(key: str, environ: dict[str, str]) -> tuple[Any, str]:
    """What is shown of a key, and who set it."""
    (found,) = [value for value in effective_values(read(None, environ), environ) if value.key == key]
    return found.value, found.source


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
    assert values["server.port"] == {"value": 1, "source": f"{tmp_path}/mine.toml"}
    assert values["server.host"] == {"value": "127.0.0.1", "source": "default"}
    assert values["connector.name"] == {"value": "ours", "source": "environment variable CONNECTOR__CONNECTOR__NAME"}
    assert values["storage.notes.pages"] == {"value": 7, "source": f"{tmp_path}/mine.toml"}
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


ALM = '[end_system]\nprofile = "alm-qc"\nbase_url = "https://alm.example.com/qcbin"\n'


async def test_a_profile_without_a_probe_gets_the_advice_to_have_one(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(ALM)
    as_text = await connector("check-config", folder=tmp_path)
    as_json = await connector("check-config", "--json", folder=tmp_path)

    assert (as_text.exit_code, as_json.exit_code, as_json.json["valid"]) == (0, 0, True)
    assert as_text.err.startswith("profile.verify: is missing; a probe proves each login")
    assert as_json.json["advice"] == as_text.err.splitlines()


async def test_what_carries_no_login_although_it_has_to_is_told(tmp_path: Path) -> None:
    text = LOGOUT.format(path="logout") + VERIFY.format(path="alive") + LOGIN.format(path="login")
    (tmp_path / "desk.toml").write_text(text.replace('headers = { Authorization = "{credential.Authorization}" }\n', ""))
    (tmp_path / "config.toml").write_text('[end_system]\nprofile = "desk.toml"\nbase_url = "https://desk.example.com"\n')
    ended = await connector("check-config", folder=tmp_path)

    assert ended.exit_code == 0
    assert ended.err.splitlines() == [
        "profile.http: is missing; without it the requests of your own code carry no login",
        "profile.steps: expected {credential.<name>} or {address.<name>} in one of them; otherwise they end no login",
        "profile.verify: expected {credential.<name>} or {address.<name>} in it; its answer says nothing of a login otherwise",
    ]


async def test_a_profile_that_returns_a_name_which_proxies_drop_is_told_so(tmp_path: Path) -> None:
    profile = '[credential]\nX-Key = "{setting.key}"\n[returned]\nX_User = "a"\n[settings.key]\nrequired = true\n'
    (tmp_path / "desk.toml").write_text(f'description = "A key"\nsteps = []\n{profile}')
    (tmp_path / "config.toml").write_text('[end_system]\nprofile = "desk.toml"\n')
    ended = await connector("check-config", folder=tmp_path)

    assert ended.exit_code == 0
    assert (
        ended.err == "profile.returned.X_User: some proxies drop headers with underscores or dots in their names; use hyphens\n"
    )
