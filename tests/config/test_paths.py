"""Relative paths begin at the folder of the configuration file, wherever a command is run; messages have absolute ones."""

import os
import sys
from pathlib import Path

import pytest

from connector.config.fields import is_path, leaves
from connector.config.settings import Settings
from connector.config.sources import variable_name
from connector.preflight.loading import load, read
from tests.cli.command import connector, surroundings
from tests.config.reading import problems_of
from tests.e2e.connector_process import started

DEFAULTS = {
    "ledger.path": "var/ledger.sqlite3",
    "ledger.key_file": "var/keys/ledger.keys",
    "control.socket": "var/control.sock",
    "storage.sqlite.path": "var/cache.sqlite3",
}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder in which commands are run."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "config.toml").write_text('server.port = 0\nmetrics.port = 0\nlogs.format = "json"\n')
    return folder


async def test_a_server_is_found_by_its_configuration_wherever_a_command_is_run(home: Path, elsewhere: Path) -> None:
    serve = (sys.executable, "-m", "connector", "serve", "--config", "../home/config.toml")
    with started(serve, elsewhere, surroundings()) as server:
        there = await connector("status", "--json", "--config", "config.toml", folder=home)
        here = await connector("status", "--json", "--config", home / "config.toml", folder=elsewhere.parent)
        server.process.terminate()
        await server.exit_code()
    down = await connector("status", "--config", "../home/config.toml", folder=elsewhere)

    assert there.json["pid"] == here.json["pid"] == server.process.pid
    assert {path.name for path in (home / "var").iterdir()} >= {"ledger.sqlite3", "keys", "cache.sqlite3"}
    assert [path.name for path in elsewhere.iterdir()] == ["connector.log"]
    assert f"{home}/var/control.sock" in down.err
    assert f"{home}/var/ledger.sqlite3" in down.err


@pytest.mark.parametrize("config", ["config.toml", "../home/config.toml"])
async def test_check_config_shows_absolute_paths_and_where_the_file_is(home: Path, config: str) -> None:
    shown = await connector("check-config", "--json", "--config", config, folder=home)

    values = {key: entry["value"] for key, entry in shown.json["values"].items() if key in DEFAULTS}
    assert {key: os.path.normpath(value) for key, value in values.items()} == {
        key: f"{home}/{path}" for key, path in DEFAULTS.items()
    }
    assert Path(shown.json["values"]["server.port"]["source"]).is_absolute()


def test_without_a_file_they_begin_in_the_working_directory(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(elsewhere)

    assert read(None, {}).settings.ledger.path == elsewhere / "var" / "ledger.sqlite3"


@pytest.mark.parametrize("key", DEFAULTS)
def test_whoever_sets_them_the_file_or_a_variable(home: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.chdir(elsewhere)
    path = tuple(key.split("."))

    def found(toml: str, environ: dict[str, str]) -> Path:
        (home / "config.toml").write_text(toml)
        configuration = read(home / "config.toml", environ)
        value: object = configuration.settings if path[0] != "storage" else configuration.instances["sqlite"].settings
        for name in path if path[0] != "storage" else path[2:]:
            value = getattr(value, name)
        assert isinstance(value, Path)
        return value

    assert found(f'{key} = "data/x"', {}) == home / "data" / "x"
    assert found("", {variable_name(path): "data/x"}) == home / "data" / "x"
    assert found(f'{key} = "{elsewhere}/x"', {}) == elsewhere / "x"


def test_a_profile_certificates_and_a_password_lie_beside_the_file_too(
    home: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(elsewhere)
    steps = '[[steps]]\nmethod = "POST"\nurl = "{base_url}"\nsuccess = [200]\n'
    (home / "own.toml").write_text(f'description = "d"\n{steps}')
    (home / "password").write_text("s3cret\n")
    (home / "config.toml").write_text(
        'end_system.profile = "own.toml"\nend_system.base_url = "http://desk.example"\n'
        '[storage]\ndrivers = ["memory", "shared"]\n'
        '[storage.shared]\ndriver = "aiocache"\nbackend = "redis"\npassword_file = "password"\n'
    )

    load(home / "config.toml", {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"})


def test_the_name_of_a_bundled_profile_is_no_path(home: Path) -> None:
    (home / "config.toml").write_text('end_system.profile = "none"')

    assert read(home / "config.toml", {}).settings.end_system.profile == "none"


@pytest.mark.parametrize("key", ["profile", "ca_file", "client_certificate"])
def test_a_file_that_is_not_there_is_told_with_the_folder_in_which_it_was_looked_for(home: Path, key: str) -> None:
    (home / "config.toml").write_text(f'end_system.{key} = "missing.toml"')

    [line] = problems_of(home / "config.toml", {})

    assert line.endswith(f"No such file or directory; relative paths begin at {home}")


def test_every_key_that_is_a_path_is_absolute_once_it_is_loaded(home: Path) -> None:
    settings, absolute = read(home / "config.toml", {}).settings, set[str]()
    for path, field in leaves(Settings):
        value: object = settings
        for name in path:
            value = getattr(value, name)
        if value is not None and is_path(field, value):
            assert isinstance(value, Path)
            assert value.is_absolute()
            absolute.add(".".join(path))

    assert {"ledger.path", "ledger.key_file", "control.socket"} <= absolute


async def test_a_control_socket_in_a_deep_folder_is_reached_from_there(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30)
    home.mkdir()
    (home / "config.toml").write_text('server.port = 0\nmetrics.port = 0\nlogs.format = "json"\n')
    serve = (sys.executable, "-m", "connector", "serve")
    with started(serve, home, surroundings()):
        status = await connector("status", "--json", folder=home)
    away = await connector("status", "--config", home / "config.toml", folder=tmp_path)

    assert status.json["status"] == "ready"
    assert away.exit_code == 78
    assert "control.socket: expected a path of at most 100 bytes" in away.err
