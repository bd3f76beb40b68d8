"""Whether a process has ended is known of those on the same machine, and of no others."""

import os
import subprocess
import sys

import pytest

from connector.runtime.processes import has_ended, own_process

TELL = "from connector.runtime.processes import own_process; print(own_process(), flush=True); input()"


@pytest.fixture
def words() -> str:
    return own_process()


def test_a_process_that_runs_has_not_ended(words: str) -> None:
    assert words
    assert not has_ended(words)


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_a_process_that_was_killed_has_ended_whoever_waits_for_it(*, is_waited_for: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = process.stdout.readline().strip()
        running = has_ended(words)
        process.kill()
        if is_waited_for:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has taken note
        ended = has_ended(words)

    assert (running, ended) == (False, True)


def test_a_process_with_the_number_of_an_earlier_one_is_another(words: str) -> None:
    place, pid, started = words.split()
    assert has_ended(f"{place} {pid} {int(started) - 1}")


@pytest.mark.parametrize("place", ["another-boot/pid:[1]", ""])
def test_a_process_of_another_machine_is_not_known_to_have_ended(words: str, place: str) -> None:
    _, pid, started = words.split()
    assert not has_ended(place and f"{place} {pid} {int(started) - 1}")
