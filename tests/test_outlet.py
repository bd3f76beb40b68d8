"""Standard output and standard error while nobody reads them, on full disks, and in processes that end."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.config.settings import LogsSection
from connector.runtime.outlet import HELD, Outlet
from tests.api.log import Log, logged
from tests.cli.command import WITHIN
from tests.e2e.connector_process import ROOT

LINE = b"x" * 1023 + b"\n"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe, and the outlet that writes into it."""

    reader: int
    writer: int
    outlet: Outlet

    def read(self, number: int) -> bytes:
        """Read so many bytes."""
        read = b""
        while len(read) < number and (piece := os.read(self.reader, number - len(read))):
            read += piece
        return read


@pytest.fixture
def log() -> Iterator[Log]:
    with logged(LogsSection(format="json")) as log:
        yield log


@pytest.fixture
def pipe(log: Log) -> Iterator[Pipe]:
    reader, writer = os.pipe()
    pipe = Pipe(reader, writer, Outlet(writer, "a pipe"))
    yield pipe
    os.close(reader)  # whoever writes is told so
    pipe.outlet.flush(WITHIN)  # before another test gets a descriptor of this number
    os.close(writer)


def test_lines_come_out_in_the_order_in_which_they_were_put_in(pipe: Pipe) -> None:
    lines = [f"{number}\n".encode() for number in range(1000)]
    for line in lines:
        pipe.outlet.put(line)
    assert pipe.read(len(b"".join(lines))) == b"".join(lines)


def test_lines_that_nobody_takes_are_lost_and_counted_once_somebody_reads_again(pipe: Pipe, log: Log) -> None:
    number = 2 * HELD // len(LINE)
    for _ in range(number):
        pipe.outlet.put(LINE)
    lost = pipe.outlet.lost
    assert 0 < lost < number
    assert log.text == ""

    pipe.read((number - lost) * len(LINE))
    pipe.outlet.flush(WITHIN)  # what is read is counted as written a moment later, and takes room until then
    pipe.outlet.put(LINE)
    pipe.read(len(LINE))  # it is written after the loss was told
    [line] = log.lines
    assert (line["level"], line["lines"], line["stream"]) == ("warning", lost, "a pipe")
    assert pipe.outlet.lost == lost


def test_a_descriptor_that_somebody_has_made_not_to_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    lines = LINE * 512
    pipe.outlet.put(lines)
    assert pipe.read(len(lines)) == lines
    assert pipe.outlet.lost == 0


def test_lines_for_a_reader_that_has_gone_are_lost(log: Log) -> None:
    reader, writer = os.pipe()
    outlet = Outlet(writer, "a pipe")
    os.close(reader)
    outlet.put(LINE * 3)
    outlet.flush(WITHIN)
    assert outlet.lost == 3
    os.close(writer)


@pytest.mark.skipif(sys.platform != "linux", reason="the device is Linux's")
def test_lines_for_a_full_disk_are_lost(log: Log) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(full, "a file")
    outlet.put(LINE * 3)
    outlet.flush(WITHIN)
    assert outlet.lost == 3
    os.close(full)


def test_whoever_waits_for_the_last_lines_does_not_wait_for_ever(pipe: Pipe) -> None:
    pipe.outlet.put(LINE * 512)
    pipe.outlet.flush(0.05)
    assert pipe.outlet.lost == 0


def test_lines_that_threads_put_in_together_come_out_whole(pipe: Pipe) -> None:
    def put(letter: bytes) -> None:
        for _ in range(100):
            pipe.outlet.put(letter * 1000 + b"\n")

    threads = [threading.Thread(target=put, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    lines = pipe.read(300 * 1001).splitlines()
    assert {(line[:1], len({*line}), len(line)) for line in lines} == {(letter, 1, 1000) for letter in (b"a", b"b", b"c")}


def script(text: str) -> list[str]:
    start = "from connector.runtime.outlet import take_over_standard_streams\ntake_over_standard_streams()\n"
    return [sys.executable, "-c", f"{start}{text}"]


NOBODY_READS = {
    "print": "for _ in range(1000): print('x' * 1000)",
    "warnings": "import warnings\nfor n in range(1000): warnings.warn(f'{n} ' + 'x' * 1000)",
    "loggers": "import logging\nfor _ in range(1000): logging.error('x' * 1000)",
    "an exception": "raise ValueError('x' * 1_000_000)",
    "the problems of a configuration": "from connector.cli.printing import print_problems\nprint_problems(['x' * 1000] * 1000)",
}


@pytest.mark.parametrize("text", NOBODY_READS.values(), ids=NOBODY_READS.keys())
def test_a_process_that_prints_what_nobody_reads_ends_all_the_same(text: str) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(script(text), cwd=ROOT, stdout=writer, stderr=writer) as process:
        try:
            assert process.wait(WITHIN) == ("raise" in text)
        finally:
            process.kill()
    os.close(reader)
    os.close(writer)


def run(text: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(script(text), cwd=cwd, capture_output=True, text=True, timeout=WITHIN, check=False)


def test_what_a_process_prints_before_it_breaks_is_there_and_then_its_traceback() -> None:
    broken = run(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('unfinished', end='')\nraise ValueError('it broke')"
    )
    assert (broken.returncode, broken.stdout) == (1, "out\nunfinished")
    assert re.fullmatch(r"err\nTraceback .*\nValueError: it broke\n", broken.stderr, re.DOTALL)


def test_a_process_that_was_forked_writes_lines_of_its_own_and_none_of_its_parents() -> None:
    text = """
import os, sys
from connector.runtime.outlet import outlet_of
for number in range(1000):
    print("parent", number)
if (child := os.fork()) == 0:
    print("child")
    outlet_of(sys.stdout).flush()
    os._exit(0)
os.waitpid(child, 0)
"""
    lines = run(text).stdout.splitlines()
    assert sorted(lines) == sorted(["child", *(f"parent {number}" for number in range(1000))])


def test_a_stream_that_was_taken_over_is_what_it_was_to_those_who_ask() -> None:
    told = run("import sys\nprint(sys.stdout.isatty(), sys.stdout.fileno(), sys.stdout.encoding, sys.stderr.errors)")
    assert told.stdout == "False 1 utf-8 backslashreplace\n"
