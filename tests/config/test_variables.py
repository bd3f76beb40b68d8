"""Environment variables: how their text becomes a value, and that none is overlooked."""

from pathlib import Path

import pytest

from connector.config.loading import load
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
    assert load(None, {"CONNECTOR__SERVER__BASE_PATHS": text}).server.base_paths == paths


@pytest.mark.parametrize("text", ["true", "yes", "1", "on"])
def test_a_boolean_is_written_in_any_usual_way(text: str) -> None:
    assert load(None, {"CONNECTOR__SECURITY__CALLERS_UNSEALED_BEYOND_LOOPBACK": text}).security.callers_unsealed_beyond_loopback


def test_an_empty_variable_counts_as_absent() -> None:
    assert load(None, {"CONNECTOR__SERVER__PORT": "", "CONNECTOR__SERVR__PORT": ""}) == load(None, {})


def test_a_variable_of_another_program_is_none_of_ours() -> None:
    assert load(None, {"CONNECTOR_CONFIG": "x", "CONNECTOR": "x", "CONNECTORS__SERVER__PORT": "x"}) == load(None, {})


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
