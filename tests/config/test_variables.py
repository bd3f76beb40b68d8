"""Environment variables: how their text becomes a value, and that none is overlooked."""

from pathlib import Path

import pytest

from connector.preflight.loading import load
from tests.config.reading import configuration, problems


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/a", ["/a"]),
        ("/a, /b", ["/a", "/b"]),
        (",/a", ["", "/a"]),
        ('["/a", "/b"]', ["/a", "/b"]),
        ('[""]', [""]),
    ],
)
def test_a_list_is_written_with_commas_or_as_json(text: str, paths: list[str]) -> None:
    assert load(None, {"CONNECTOR__SERVER__BASE_PATHS": text}).settings.server.base_paths == paths


@pytest.mark.parametrize("text", ["true", "yes", "1", "on"])
def test_a_boolean_is_written_in_any_usual_way(text: str) -> None:
    assert load(
        None, {"CONNECTOR__SECURITY__ALLOW_UNSEALED_CLEANUP_BEYOND_LOOPBACK": text}
    ).settings.security.allow_unsealed_cleanup_beyond_loopback


def test_an_empty_variable_counts_as_absent() -> None:
    assert load(None, {"CONNECTOR__SERVER__PORT": "", "CONNECTOR__SERVR__PORT": ""}).settings == load(None, {}).settings


def test_a_variable_of_another_program_is_none_of_ours() -> None:
    assert (
        load(None, {"CONNECTOR_CONFIG": "x", "CONNECTOR": "x", "CONNECTORS__SERVER__PORT": "x"}).settings
        == load(None, {}).settings
    )


@pytest.mark.parametrize(
    "name", ["CONNECTOR__SERVER__PROT", "CONNECTOR__SERVR__PORT", "CONNECTOR__STORAGE__DRIVRES", "CONNECTOR__"]
)
def test_a_variable_that_matches_no_key_is_a_problem(tmp_path: Path, name: str) -> None:
    (line,) = problems(tmp_path, "", {name: "1"})

    assert "unknown key; " in line
    assert line.endswith(f"(environment variable {name})")


def test_all_wrong_variables_are_named_at_once_together_with_the_file(tmp_path: Path) -> None:
    environ = {
        "CONNECTOR__SERVER__PORT": "80a",
        "CONNECTOR__SERVER__PORT__NUMBER": "80",
        "CONNECTOR__SERVER__BASE_PATHS": "[1",
        "CONNECTOR__LOGS": "json",
        "CONNECTOR__SERVER__DEADLINES__BODY": "inf",
        "connector__server__host": "localhost",
    }

    assert sorted(problems(tmp_path, "logs.level = 1\n[connector]\nname = 1", environ)) == [
        "CONNECTOR__SERVER__PORT__NUMBER: cannot be set together with CONNECTOR__SERVER__PORT",
        "connector.name: expected text that is not empty (config.toml)",
        "connector__server__host: matches no key; did you mean CONNECTOR__SERVER__HOST?",
        "logs: expected a table (environment variable CONNECTOR__LOGS)",
        "server.base_paths: expected a list of texts (environment variable CONNECTOR__SERVER__BASE_PATHS)",
        "server.deadlines.body: expected a number over 0 up to 86400 (environment variable CONNECTOR__SERVER__DEADLINES__BODY)",
        "server.port: expected a whole number from 0 to 65535 (environment variable CONNECTOR__SERVER__PORT)",
    ]


def test_a_table_of_ones_own_takes_any_key_and_keeps_text_as_it_is(tmp_path: Path) -> None:
    environ = {"CONNECTOR__END_SYSTEM__SETTINGS__PIN": "0042", "CONNECTOR__END_SYSTEM__PROFILE": "tests.config.desk.Desk"}

    assert configuration(tmp_path, "", environ).settings.end_system.settings == {"pin": "0042"}


SHARED = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
password_env = "CONNECTOR_STORAGE_SHARED_PASSWORD"
"""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CONNECTOR_SERVER__PORT", "CONNECTOR__SERVER__PORT"),
        ("CONNECTOR_SERVER_PORT", "CONNECTOR__SERVER__PORT"),
        ("Connector_Server_Port", "CONNECTOR__SERVER__PORT"),
        ("CONNECTOR_LEDGER__KEY_FILE", "CONNECTOR__LEDGER__KEY_FILE"),
        ("CONNECTOR_SERVER_DEADLINES_BODY", "CONNECTOR__SERVER__DEADLINES__BODY"),
        ("CONNECTOR_END_SYSTEM__BASE_URL", "CONNECTOR__END_SYSTEM__BASE_URL"),
        ("CONNECTOR_STORAGE__SHARED__HOST", "CONNECTOR__STORAGE__SHARED__HOST"),
        ("CONNECTOR_STORAGE_SHARED_DRIVER", "CONNECTOR__STORAGE__SHARED__DRIVER"),
        ("CONNECTOR_STORAGE__SPARE__HOST", "CONNECTOR__STORAGE__SPARE__HOST"),
        ("CONNECTOR_SERVER__PROT", "CONNECTOR__SERVER__PROT"),
        ("CONNECTOR_LEDGER__KEYS", "CONNECTOR_LEDGER_KEYS"),
        ("connector_config", "CONNECTOR_CONFIG"),
    ],
)
def test_a_variable_that_nearly_sets_a_key_is_a_problem_and_told_with_the_right_name(
    tmp_path: Path, name: str, meant: str
) -> None:
    assert problems(tmp_path, SHARED, {name: "s3cret"}) == [f"{name}: matches no key; did you mean {meant}?"]


def test_a_near_miss_is_told_together_with_what_is_missing_for_it(tmp_path: Path) -> None:
    toml = '[storage]\ndrivers = ["memory", "shared"]\n[storage.shared]\ndriver = "aiocache"\n'

    found = problems(tmp_path, toml, {"CONNECTOR_STORAGE__SHARED__BACKEND": "redis"})

    assert [line.partition(":")[0] for line in found] == ["storage.shared.backend", "CONNECTOR_STORAGE__SHARED__BACKEND"]


@pytest.mark.parametrize(
    "environ",
    [
        {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A", "CONNECTOR_CONFIG": "config.toml"},
        {"CONNECTOR_STORAGE_SHARED_PASSWORD": "named by password_env"},
        {"CONNECTOR_SERVER_PORT": "tcp://10.96.0.1:8080", "CONNECTOR_SERVICE_PORT": "8080"},
        {"CONNECTOR_METRICS_PORT": "udp://10.96.0.1:9464"},
        {"CONNECTOR_CLIENT_ID": "of a profile", "CONNECTOR_PROBE_URL": "http://desk.example"},
        {"CONNECTOR_SERVER__PORT": ""},
        {"CONNECTOR": "x", "CONNECTORS_SERVER_PORT": "x", "MY_CONNECTOR_SERVER_PORT": "x", "CONNECTOR_SERVER": "x"},
    ],
    ids=" ".join,
)
def test_a_variable_that_somebody_else_means_is_no_near_miss(tmp_path: Path, environ: dict[str, str]) -> None:
    configuration(tmp_path, SHARED, environ)


def test_a_variable_that_the_base_url_or_a_profile_names_is_no_near_miss(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(
        'description = "d"\n[[steps]]\nmethod = "POST"\nurl = "{base_url}/{env.CONNECTOR_LOGS_LEVEL}"\nsuccess = [200]\n'
    )
    environ = {"CONNECTOR_END_SYSTEM_BASE_URL": "http://desk.example", "CONNECTOR_LOGS_LEVEL": "x"}
    toml = f'[end_system]\nprofile = "{profile}"\nbase_url = "{{env.CONNECTOR_END_SYSTEM_BASE_URL}}"\n'

    configuration(tmp_path, toml, environ)
