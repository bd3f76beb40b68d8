"""The lock for writing: one process and one thread at a time, over a file that stays open."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers import sqlite_lock
from drivers.sqlite_lock import Busy, WriteLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no lock of ours on this platform")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sqlite_lock, "BUSY_TIMEOUT", 0.1)
    return str(tmp_path / "x.lock")


@pytest.fixture
def lock(path: str) -> Iterator[WriteLock]:
    with closing(WriteLock(path)) as made:
        yield made


@pytest.fixture
def other(path: str) -> Iterator[WriteLock]:
    """As another process has it: by a descriptor of its own."""
    with closing(WriteLock(path)) as made:
        yield made


def is_free(lock: WriteLock) -> bool:
    try:
        with lock:
            return True
    except Busy:
        return False


def test_another_process_waits_for_it(lock: WriteLock, other: WriteLock) -> None:
    with lock:
        assert not is_free(other)
    assert is_free(other)


def test_another_thread_that_shares_the_descriptor_waits_for_it(lock: WriteLock) -> None:
    found = []
    with lock:
        thread = threading.Thread(target=lambda: found.append(is_free(lock)))
        thread.start()
        thread.join()
    assert found == [False]
    assert is_free(lock)


def test_it_is_let_go_of_when_what_was_done_under_it_breaks(lock: WriteLock, other: WriteLock) -> None:
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    assert is_free(other)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_removed_is_made_again_so_that_all_lock_the_same(
    lock: WriteLock, other: WriteLock, path: str, replaced: bool
) -> None:
    assert is_free(lock)
    Path(path).unlink()
    if replaced:
        assert is_free(other)
    with lock:
        assert not is_free(other)


@pytest.mark.skipif(sys.platform != "linux", reason="nothing tells which descriptors there are on this platform")
def test_it_has_one_descriptor_until_it_is_closed(path: str) -> None:
    before = descriptors()
    lock = WriteLock(path)
    for _ in range(3):
        assert is_free(lock)
    assert descriptors() == before + 1
    lock.close()
    lock.close()
    assert descriptors() == before


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])
