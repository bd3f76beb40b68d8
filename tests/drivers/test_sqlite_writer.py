"""The one writer: transactions for many, failures of one's own, and nothing lost on the way out."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from drivers.cancellation import StrayCancellation
from drivers.driver_errors import DriverUnavailable
from drivers.sqlite_file import SqliteFile
from drivers.sqlite_writer import SqliteWriter

INSERTED = re.compile(r"INSERT INTO numbers VALUES \((\d+),")


class Ledger:
    """A file with one table of numbers, whose statements are noted as SQLite runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.statements: list[str] = []

    def connect(self) -> sqlite3.Connection:
        file = SqliteFile(self.path)
        file.create_if_missing()
        connection = file.connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB)")
        connection.execute("CREATE TABLE half (of INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED)")
        connection.set_trace_callback(self.statements.append)
        return connection

    def numbers(self) -> set[int]:
        """What is committed, as another connection sees it."""
        with closing(sqlite3.connect(self.path)) as connection:
            return {number for (number,) in connection.execute("SELECT number FROM numbers")}

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[SqliteWriter]:
        with closing(SqliteFile(self.path)) as file:
            writer = await SqliteWriter.open(file, self.connect)
            try:
                yield writer
            finally:
                await writer.aclose()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


def note(number: int, filling: bytes = b"") -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?, ?)", (number, filling))
        return number

    return work


async def test_many_works_share_a_transaction_and_each_gets_its_own_result(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        assert await asyncio.gather(*(writer.submit(note(number)) for number in range(2000))) == [*range(2000)]
    assert ledger.numbers() == {*range(2000)}
    assert ledger.statements.count("COMMIT") <= 20


async def test_a_result_arrives_only_after_its_commit(ledger: Ledger) -> None:
    async with ledger.writer() as writer:

        async def write(number: int) -> None:
            await writer.submit(note(number))
            assert number in ledger.numbers()

        await asyncio.gather(*(write(number) for number in range(50)))


@pytest.mark.parametrize(("raised", "told"), [(asyncio.CancelledError, StrayCancellation), (StopIteration, RuntimeError)])
async def test_a_work_that_raises_what_no_future_takes_does_not_end_the_writer(
    ledger: Ledger, raised: type[BaseException], told: type[Exception]
) -> None:
    def broken(_: sqlite3.Connection) -> None:
        raise raised

    async with asyncio.timeout(10), ledger.writer() as writer:
        with pytest.raises(told):
            await writer.submit(broken)
        assert await writer.submit(note(1)) == 1


async def test_a_work_that_fails_is_undone_alone_and_its_caller_alone_is_told(ledger: Ledger) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        note(-1)(connection)
        raise ZeroDivisionError

    async with ledger.writer() as writer:
        await writer.submit(note(1))
        tries = [writer.submit(work) for work in (note(2), broken, note(1), note(3))]
        tasks = [asyncio.ensure_future(each) for each in tries]
        await asyncio.wait(tasks)
        assert [type(task.exception()) for task in tasks] == [type(None), ZeroDivisionError, DriverUnavailable, type(None)]
    assert ledger.numbers() == {1, 2, 3}


def note_all(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[int]:
    connection.executemany("INSERT INTO numbers VALUES (?, '')", [(number,) for number in numbers])
    return [number + len(numbers) for number in numbers]


async def test_neighbours_of_one_kind_are_done_together_and_each_gets_its_own_outcome(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        calls = [writer.submit_item(note_all, 1), writer.submit_item(note_all, 2), writer.submit(note(3))]
        assert await asyncio.gather(*calls) == [3, 4, 3]
    assert ledger.numbers() == {1, 2, 3}


async def test_works_of_two_kinds_take_effect_in_the_order_in_which_they_came(ledger: Ledger) -> None:
    calls: list[Awaitable[int]] = []
    async with ledger.writer() as writer:
        for number in range(3):
            calls += [writer.submit_item(note_all, 2 * number), writer.submit(note(2 * number + 1))]
        await asyncio.gather(*calls)
    written = [int(found[1]) for text in ledger.statements if (found := INSERTED.match(text))]
    assert written == [*range(6)]


async def test_an_item_that_fails_is_undone_alone_and_its_caller_alone_is_told(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        await writer.submit(note(1))
        tasks = [asyncio.ensure_future(writer.submit_item(note_all, number)) for number in (2, 1, 3)]
        await asyncio.wait(tasks)
        assert [type(task.exception()) for task in tasks] == [type(None), DriverUnavailable, type(None)]
        assert [tasks[0].result(), tasks[2].result()] == [3, 4]
    assert ledger.numbers() == {1, 2, 3}


async def test_a_work_that_only_the_commit_finds_wrong_fails_alone(ledger: Ledger) -> None:
    def dangling(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO half VALUES (99)")

    async with ledger.writer() as writer:
        tasks = [asyncio.ensure_future(writer.submit(work)) for work in (note(1), dangling, note(2))]
        await asyncio.wait(tasks)
        assert [type(task.exception()) for task in tasks] == [type(None), DriverUnavailable, type(None)]
    assert ledger.numbers() == {1, 2}


async def test_on_a_full_disk_what_does_not_fit_fails_and_the_rest_is_written(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        await writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 20").fetchall())
        too_much = note(2, bytes(1_000_000))
        tasks = [asyncio.ensure_future(writer.submit(work)) for work in (note(1), too_much, note(3))]
        await asyncio.wait(tasks)
        assert [task.exception() is None for task in tasks] == [True, False, True]
        with pytest.raises(DriverUnavailable, match=r"ledger\.sqlite3: the disk is full; free some space"):
            await tasks[1]
        await writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
        await writer.submit(too_much)
    assert ledger.numbers() == {1, 2, 3}


class LockedOut(SqliteFile):
    """A file that another process never lets go of."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        raise DriverUnavailable("locked by another process")
        yield


async def test_each_caller_of_a_transaction_that_fails_gets_an_error_of_its_own(ledger: Ledger) -> None:
    writer = await SqliteWriter.open(LockedOut(ledger.path), ledger.connect)
    tasks = [asyncio.ensure_future(writer.submit(note(number))) for number in range(5)]
    await asyncio.wait(tasks)
    errors = [task.exception() for task in tasks]
    await writer.aclose()

    assert [(type(error), str(error)) for error in errors] == [(DriverUnavailable, "locked by another process")] * 5
    assert len({id(error) for error in errors}) == 5


async def test_the_work_of_a_caller_that_went_away_is_committed(ledger: Ledger) -> None:
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait(60)
        note(1)(connection)

    async with ledger.writer() as writer:
        running = asyncio.ensure_future(writer.submit(slow))
        await begun.wait()
        waiting = asyncio.ensure_future(writer.submit(note(2)))
        await asyncio.sleep(0)
        for task in (running, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        go.set()
        assert await writer.submit(note(3)) == 3
    assert ledger.numbers() == {1, 2, 3}


async def test_closing_commits_what_waits_and_refuses_what_comes_later(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        tasks = [asyncio.ensure_future(writer.submit(note(number))) for number in range(3000)]
        await asyncio.sleep(0)
        await asyncio.gather(writer.aclose(), writer.aclose())
        with pytest.raises(DriverUnavailable, match="closed"):
            await writer.submit(note(-1))
        assert await asyncio.gather(*tasks) == [*range(3000)]
    assert ledger.numbers() == {*range(3000)}


async def test_closing_goes_on_when_whoever_asked_for_it_gives_up(ledger: Ledger) -> None:
    async with ledger.writer() as writer:
        tasks = [asyncio.ensure_future(writer.submit(note(number))) for number in range(500)]
        await asyncio.sleep(0)
        closing_ = asyncio.ensure_future(writer.aclose())
        await asyncio.sleep(0)
        closing_.cancel()
        assert await asyncio.gather(*tasks) == [*range(500)]
        await writer.aclose()


async def test_a_failure_to_begin_is_told_and_leaves_no_thread_behind(tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match="closed for repairs"):
        await SqliteWriter.open(SqliteFile(tmp_path / "x"), _fail)
    assert not [thread.name for thread in threading.enumerate() if "connection_worker" in thread.name]


def _fail() -> sqlite3.Connection:
    raise DriverUnavailable("closed for repairs")
