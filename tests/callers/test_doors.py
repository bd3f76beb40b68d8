"""What a server needs is bound before anything else is done; what is taken is told by the key to change."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.api.doors import opened_doors
from connector.config.settings import Settings
from connector.model.errors import ConfigurationError
from connector.preflight.loading import load
from tests.cli.command import connector
from tests.sessions.served import KEYS


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_port_that_is_taken_is_named_first_and_nothing_is_made_or_announced(tmp_path: Path, taken: int) -> None:
    (tmp_path / "config.toml").write_text(f"server.port = {taken}\nmetrics.port = 0\n")

    ended = await connector("serve", folder=tmp_path)

    assert ended.exit_code == 75
    assert ended.err == (
        f"server.port: another program listens on port {taken} of 127.0.0.1; choose another one, or end that program\n"
    )
    assert not (tmp_path / "var" / "ledger.sqlite3").exists()
    assert not (tmp_path / "var" / "keys").exists()
    assert not (tmp_path / "var" / "control.sock").exists()


async def test_all_that_is_taken_is_told_at_once(tmp_path: Path, taken: int) -> None:
    (tmp_path / "control.sock").write_text("")
    ports = f"server.port = {taken}\nmetrics.port = {taken}\n"
    (tmp_path / "config.toml").write_text(f'{ports}control.socket = "control.sock"\nmetrics.host = "127.0.0.2"\n')

    with socket.create_server(("127.0.0.2", taken)):
        ended = await connector("serve", folder=tmp_path)

    assert [line.partition(":")[0] for line in ended.err.splitlines()] == ["server.port", "metrics.port", "control.socket"]


def settings(folder: Path, text: str) -> Settings:
    (folder / "config.toml").write_text(f'{text}\nmetrics.enabled = false\ncontrol.socket = "{folder}/control.sock"\n')
    return load(folder / "config.toml", KEYS).settings


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('server.host = "192.0.2.7"', "server.host: 192.0.2.7 is no address of this machine"),
        ('server.host = "no.such.host.invalid"', "server.host: no.such.host.invalid has no address: "),
    ],
)
def test_a_host_that_is_not_here_is_the_key_to_change(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused, opened_doors(settings(tmp_path, text)):
        pass

    [line] = refused.value.problems
    assert line.startswith(problem)


def test_nobody_is_let_in_before_there_is_somebody_to_answer(tmp_path: Path) -> None:
    with opened_doors(settings(tmp_path, "server.port = 0")) as doors:
        [server] = doors.server
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.getsockname()[:2])
    assert server.fileno() == -1


def test_a_server_that_is_starting_keeps_its_control_socket(tmp_path: Path) -> None:
    configured = settings(tmp_path, "server.port = 0")
    with opened_doors(configured):
        with pytest.raises(ConfigurationError, match="another server listens there"), opened_doors(configured):
            pass
        assert (tmp_path / "control.sock").is_socket()
    assert not (tmp_path / "control.sock").exists()


@pytest.mark.parametrize("hosts", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("10.0.0.1", "0.0.0.0")])
def test_the_calls_and_the_metrics_have_a_port_each(tmp_path: Path, hosts: tuple[str, str]) -> None:
    server, metrics = hosts
    text = f'server.host = "{server}"\nserver.port = 4711\nmetrics.host = "{metrics}"\nmetrics.port = 4711\n'
    (tmp_path / "config.toml").write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "config.toml", KEYS)

    assert refused.value.problems == ["metrics.port: expected another port than that of the calls, server.port"]
