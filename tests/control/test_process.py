"""The control socket of a real server process."""

import stat
from pathlib import Path

from tests.cli.command import connector
from tests.e2e.connector_process import connector_process


async def test_the_socket_of_a_killed_server_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    socket = tmp_path / "var" / "control.sock"
    with connector_process(tmp_path, ""):
        pass  # it is killed here
    assert socket.is_socket()
    assert (await connector("status", folder=tmp_path)).exit_code == 69

    with connector_process(tmp_path, "") as server:
        status = await connector("status", "--json", folder=tmp_path)
        assert (status.exit_code, status.json["pid"]) == (0, server.process.pid)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600


async def test_a_server_that_ends_by_itself_takes_its_socket_along(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server:
        server.process.terminate()
        assert await server.exit_code() == 0
    assert not (tmp_path / "var" / "control.sock").exists()


async def test_a_second_server_on_one_socket_ends_with_75_and_the_first_one_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with connector_process(tmp_path, "") as server:
        environ = {
            "CONNECTOR__CONTROL__SOCKET": str(tmp_path / "var" / "control.sock"),
            "CONNECTOR__SERVER__PORT": "0",
            "CONNECTOR__METRICS__PORT": "0",
            "CONNECTOR__LOGS__LEVEL": "error",
        }
        second = await connector("serve", folder=tmp_path / "other", environ=environ)
        status = await connector("status", "--json", folder=tmp_path)

    assert second.exit_code == 75
    assert second.err == f"control.socket: {environ['CONNECTOR__CONTROL__SOCKET']}: another server listens there\n"
    assert status.json["pid"] == server.process.pid
