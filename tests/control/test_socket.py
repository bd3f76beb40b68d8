"""The control socket: its owner's alone, and one server's at a time."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.api.unix_socket import bound
from connector.model.errors import ConfigurationError
from connector.preflight.loading import load

KEY = "control.socket"


@contextmanager
def listening(path: Path, backlog: int = 1) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen(backlog)
        yield server


def test_nobody_else_may_connect_at_any_moment_whatever_the_umask(tmp_path: Path) -> None:
    path, over, seen = tmp_path / "control.sock", threading.Event(), set[int]()

    def look() -> None:
        while not over.is_set():
            try:
                seen.add(stat.S_IMODE(path.stat().st_mode))
            except FileNotFoundError:
                continue

    watcher = threading.Thread(target=look)
    mask = os.umask(0)
    try:
        watcher.start()
        while not seen:
            for _ in range(100):
                with bound(path, KEY):
                    pass
    finally:
        over.set()
        watcher.join()
        os.umask(mask)
    assert seen == {0o600}


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with bound(tmp_path / "var" / "control.sock", KEY):
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_the_socket_is_gone_when_the_server_has_ended(tmp_path: Path) -> None:
    with bound(tmp_path / "control.sock", KEY):
        assert [*tmp_path.iterdir()] == [tmp_path / "control.sock"]
    assert [*tmp_path.iterdir()] == []


def test_what_a_dead_server_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening(path):
        pass
    assert path.is_socket()

    with bound(path, KEY) as server, socket.socket(socket.AF_UNIX) as client:
        server.listen()
        client.connect(str(path))


def test_the_socket_of_a_living_server_is_refused_and_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening(path), socket.socket(socket.AF_UNIX) as client:
        assert refusal(path) == f"control.socket: {path}: another server listens there"
        client.connect(str(path))


def test_a_server_that_is_too_busy_to_take_a_connection_counts_as_alive(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening(path, backlog=0), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

        assert refusal(path) == f"control.socket: {path}: another server listens there"
        assert path.is_socket()


def test_a_file_that_is_no_socket_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("a diary")

    assert refusal(path) == f"control.socket: {path}: expected a socket or nothing there; it is something else"
    assert path.read_text() == "a diary"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")

    assert refusal(tmp_path / "var" / "control.sock").startswith("control.socket: ")


def test_a_server_that_ends_leaves_the_socket_of_its_successor_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with bound(path, KEY):
        path.rename(tmp_path / "moved.sock")
        with listening(path):
            pass
    assert path.is_socket()


def test_a_path_that_is_too_long_for_a_socket_is_a_problem_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"^control\.socket: expected a path of at most 100 bytes") as found:
        load(None, {"CONNECTOR__CONTROL__SOCKET": "ä" * 51})
    assert len(found.value.problems) == 1


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as refused, bound(path, KEY):
        pass
    (line,) = refused.value.problems
    return line
