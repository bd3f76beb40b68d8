"""A key that was renamed: its old name works for one version, and whoever uses it is told the new one."""

import json
from pathlib import Path

import pytest

from connector.app import create_app
from connector.config.fields import field_at, leaves, old_name
from connector.config.settings import LogsSection, Settings
from connector.preflight.loading import read
from connector.preflight.reference import reference
from tests.api.log import logged
from tests.cli.command import connector
from tests.config.reading import configuration, problems

OLD = "callers_unsealed_beyond_loopback"
NEW = "allow_unsealed_cleanup_beyond_loopback"
OLD_VARIABLE, NEW_VARIABLE = (f"CONNECTOR__SECURITY__{name.upper()}" for name in (OLD, NEW))
IN_FILE = f"[security]\n{OLD} = true\n"


def test_an_old_name_in_the_file_sets_the_key_and_is_told_with_the_new_one(tmp_path: Path) -> None:
    settings = configuration(tmp_path, IN_FILE).settings

    assert settings.security.allow_unsealed_cleanup_beyond_loopback
    assert settings.deprecations == (f"security.{OLD}: is deprecated; call it security.{NEW} ({tmp_path}/config.toml)",)


def test_an_old_name_of_a_variable_sets_the_key_and_is_told_with_the_new_one() -> None:
    settings = read(None, {OLD_VARIABLE: "true", "CONNECTOR__SERVER__HOSTS": "one.example, two.example"}).settings

    assert settings.security.allow_unsealed_cleanup_beyond_loopback
    assert settings.server.allowed_hosts == ["one.example", "two.example"]
    assert settings.deprecations == (
        "CONNECTOR__SERVER__HOSTS: is deprecated; call it CONNECTOR__SERVER__ALLOWED_HOSTS",
        f"{OLD_VARIABLE}: is deprecated; call it {NEW_VARIABLE}",
    )


def test_an_application_that_is_made_of_an_old_name_warns_of_it_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"{IN_FILE}[storage]\ndrivers = ['memory']\n")
    with logged(LogsSection(format="json")) as log:
        create_app(file, environ={})

    (line,) = [line for line in log.lines if "deprecated" in line["event"]]
    assert (line["level"], line["name"]) == ("warning", f"security.{OLD}: is deprecated; call it security.{NEW} ({file})")


def test_a_new_name_is_told_of_nothing(tmp_path: Path) -> None:
    assert configuration(tmp_path, f"[security]\n{NEW} = true\n", {NEW_VARIABLE: "false"}).settings.deprecations == ()


@pytest.mark.parametrize(
    ("toml", "environ"), [(IN_FILE, {NEW_VARIABLE: "false"}), (f"[security]\n{NEW} = true\n", {OLD_VARIABLE: "false"})]
)
def test_a_variable_wins_over_the_file_by_whichever_name(tmp_path: Path, toml: str, environ: dict[str, str]) -> None:
    assert not configuration(tmp_path, toml, environ).settings.security.allow_unsealed_cleanup_beyond_loopback


def test_both_names_in_one_place_are_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, f"{IN_FILE}{NEW} = false\n", {OLD_VARIABLE: "true", NEW_VARIABLE: "true"}) == [
        f"security.{OLD}: cannot be set together with security.{NEW}, its new name (config.toml)",
        f"{OLD_VARIABLE}: cannot be set together with {NEW_VARIABLE}, its new name",
    ]


@pytest.mark.parametrize(
    ("toml", "environ", "line"),
    [
        (f"[security]\n{OLD} = 1\n", {}, f"security.{NEW}: expected true or false (config.toml, as security.{OLD})"),
        ("", {OLD_VARIABLE: "x"}, f"security.{NEW}: expected true or false (environment variable {OLD_VARIABLE})"),
        ("security = 1", {OLD_VARIABLE: "true"}, "security: expected a table (config.toml)"),
    ],
)
def test_a_wrong_value_is_told_with_the_name_that_it_was_set_by(
    tmp_path: Path, toml: str, environ: dict[str, str], line: str
) -> None:
    assert problems(tmp_path, toml, environ) == [line]


def test_an_old_name_is_known_in_its_own_table_only(tmp_path: Path) -> None:
    assert problems(tmp_path, f"[logs]\n{OLD} = true\n")[0].startswith(f"logs.{OLD}: unknown key")


async def test_check_config_shows_the_deprecated_name_and_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(IN_FILE)

    shown = await connector("check-config", folder=tmp_path)
    as_json = await connector("check-config", "--json", folder=tmp_path, environ={"CONNECTOR__SERVER__HOSTS": "one.example"})

    assert (shown.exit_code, as_json.exit_code) == (0, 0)
    assert shown.err == f"security.{OLD}: is deprecated; call it security.{NEW} ({tmp_path}/config.toml)\n"
    assert f"security.{NEW}\ttrue\t{tmp_path}/config.toml, as security.{OLD}" in shown.out.splitlines()
    assert [line.partition(":")[0] for line in json.loads(as_json.out)["deprecated"]] == [
        "CONNECTOR__SERVER__HOSTS",
        f"security.{OLD}",
    ]


def test_every_old_name_is_on_the_reference_page_and_is_no_key_of_its_table() -> None:
    renamed = [(path, old) for path, field in leaves(Settings) if (old := old_name(field))]

    assert renamed
    for path, old in renamed:
        assert f"Deprecated name, which works in this version only: `{old}`." in reference()
        assert field_at(Settings, (*path[:-1], old)) is None
