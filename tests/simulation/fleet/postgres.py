"""Connections to the modelled PostgreSQL, as psycopg's look to the ledger. They break, and lose the answer to a COMMIT."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace
from typing import Any

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from connector.ledger.postgres.arrays import Array
from tests.simulation.fleet.nodes import PROCESS, Node
from tests.simulation.fleet.speech import Kind, Statement, spelled_out, understood

Notice = Callable[[Any], None]
Answer = tuple[list[Any], Sequence[Sequence[Any]] | None, int]
"""Rows, what is said of their columns, and how many were changed."""
NO_ROWS: Answer = ([], None, -1)


class Broken(psycopg.OperationalError):
    """The connection has broken."""


def broken() -> Broken:
    return Broken("server closed the connection unexpectedly")


@dataclass(slots=True)
class Fate:
    """What becomes of the next transaction of a connection."""

    breaks_before: int = -1
    """The number of the statement that the connection does not live to see, counted from 0; none if it is negative."""
    commit_is_lost: bool = False
    """The connection breaks, and COMMIT never arrives."""
    answer_is_lost: bool = False
    """It breaks after COMMIT has taken effect."""
    is_warned: bool = False
    """The wait for a standby was cancelled: COMMIT is answered with a warning."""


@dataclass(slots=True)
class Cursor:
    """The answers to what was executed, as far as psycopg's callers look at them."""

    answers: list[Answer]
    statusmessage: str = ""
    _place: int = 0

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        return self.answers[self._place][1]

    @property
    def rowcount(self) -> int:
        return self.answers[self._place][2]

    def fetchall(self) -> list[Any]:
        rows, description, number = self.answers[self._place]
        self.answers[self._place] = [], description, number
        return rows

    def fetchone(self) -> Any:
        rows = self.answers[self._place][0]
        return rows.pop(0) if rows else None

    @property
    def pgresult(self) -> Any:
        return SimpleNamespace(nfields=len(self.description or ()))

    def results(self) -> Iterator["Cursor"]:
        for place in range(len(self.answers)):
            self._place = place
            yield self

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Connection:
    """A connection to a node, as psycopg's looks to the ledger."""

    def __init__(self, node: Node, fate: Callable[[], Fate], told: Callable[[str], None]) -> None:
        """`fate` is asked at each BEGIN; `told` hears of what the model does not understand."""
        self.node = node
        self.closed = False
        self.prepare_threshold: int | None = None
        self._fate_of_next = fate
        self._fate = Fate()
        self._told = told
        self._status = TransactionStatus.IDLE
        self._number = 0
        self._has_locked = False
        """Whether it sees what was there once it had waited for the lock."""
        self._is_alone = False
        """Whether it has the lock."""
        self._notices: list[Notice] = []
        self._cursors: dict[str, Iterator[Any]] = {}

    @property
    def info(self) -> Any:
        status = TransactionStatus.UNKNOWN if self.closed else self._status
        # As behind a bouncer, where nothing is prepared: the model knows no names of statements.
        return SimpleNamespace(transaction_status=status, server_version=16_00_00, backend_pid=PROCESS + 1)

    @property
    def pgconn(self) -> Any:
        return SimpleNamespace(pipeline_status=PipelineStatus.OFF)

    def add_notice_handler(self, handler: Notice) -> None:
        self._notices.append(handler)

    def cursor(self, *_: Any, **__: Any) -> "Connection":
        return self

    def pipeline(self) -> Any:
        return nullcontext()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._status is not TransactionStatus.IDLE:
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextmanager
    def as_before_its_wait(self) -> Iterator[None]:
        """Let each statement see what was there before the transaction had its lock."""
        before, self._has_locked = self._has_locked, False
        try:
            yield
        finally:
            self._has_locked = before

    def close(self) -> None:
        if self._status is not TransactionStatus.IDLE and not self.closed:
            self._ended(kept=False)
        self.closed = True

    def executemany(self, statement: Any, rows: Any, **_: Any) -> None:
        for row in rows:
            self.execute(statement, row)

    def execute(self, statement: Any, values: Sequence[Any] | None = (), **_: Any) -> Cursor:
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        if not self.node.is_there:
            self._break()
        text = statement.decode() if isinstance(statement, bytes) else str(statement)
        answers, word = [], ""
        for each in understood(text):
            answer, word = self._answered(each, values or ())
            answers.append(answer)
        return Cursor(answers, word)

    def _answered(self, statement: Statement, values: Sequence[Any]) -> tuple[Answer, str]:
        match statement.kind:
            case Kind.BEGIN:
                self._begin()
            case Kind.COMMIT:
                return NO_ROWS, self._commit()
            case Kind.ROLLBACK:
                self._ended(kept=False)
            case _:
                return self._within(statement, values), "OK"
        return NO_ROWS, statement.kind.name

    def _begin(self) -> None:
        self._fate, self._number, self._has_locked, self._is_alone = self._fate_of_next(), 0, False, False
        self._status = TransactionStatus.INTRANS
        self.node.rows.execute("BEGIN")

    def _within(self, statement: Statement, values: Sequence[Any]) -> Answer:
        if self._status is TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction("current transaction is aborted")
        if self._status is TransactionStatus.INTRANS and self._number == self._fate.breaks_before:
            self._break()
        self._number += 1
        self._has_locked |= statement.locks
        self._is_alone |= statement.locks
        if statement.writes and not self._is_alone:
            self._told(f"another transaction may write the same rows or keys as {statement.text!r}: it has not taken the lock")
        try:
            return self._found(statement, values)
        except sqlite3.IntegrityError as problem:
            self._status = TransactionStatus.INERROR
            raise psycopg.errors.UniqueViolation(str(problem)) from problem
        except (sqlite3.Error, ValueError) as problem:
            self._told(f"the model of PostgreSQL does not understand {statement.text!r}: {problem}")
            raise psycopg.ProgrammingError(str(problem)) from problem

    def _found(self, statement: Statement, values: Sequence[Any]) -> Answer:
        match statement.kind:
            case Kind.ROWS:
                return self._rows(statement, values)
            case Kind.CANNED:
                return [*statement.answer], [], 1
            case Kind.NUMBERS:
                return [(each,) for each in self.node.drawn(statement.parts[0], int(values[0]))], [], 1
            case Kind.CURSOR:
                (of_cursor,) = understood(statement.parts[1])
                self._cursors[statement.parts[0]] = iter(self._rows(of_cursor, values)[0])
            case Kind.FETCH:
                number, name = statement.parts
                return [*islice(self._cursors[name], int(number))], [], -1
        return NO_ROWS

    def _rows(self, statement: Statement, values: Sequence[Any]) -> Answer:
        text = statement.text
        if any(isinstance(value, Array) for value in values):
            text, values = spelled_out(text, values)
        if statement.looks and self._is_too_early:
            with self.node.as_before() as rows:
                cursor = rows.execute(text, values)
                return cursor.fetchall(), cursor.description, -1
        cursor = self.node.rows.execute(text, values)
        return cursor.fetchall(), cursor.description, cursor.rowcount

    @property
    def _is_too_early(self) -> bool:
        """Whether the transaction has not waited for the lock yet: what it sees is from before its wait."""
        return self._status is TransactionStatus.INTRANS and not self._has_locked and bool(self.node.before)

    def _commit(self) -> str:
        if self._fate.commit_is_lost:
            self._break()
        kept = self._status is TransactionStatus.INTRANS
        self._ended(kept=kept)
        if self._fate.answer_is_lost or (kept and not self.node.acknowledges):
            self._break()
        if self._fate.is_warned:
            for handler in self._notices:
                handler(SimpleNamespace(severity_nonlocalized="WARNING"))
        return "COMMIT" if kept else "ROLLBACK"

    def _ended(self, *, kept: bool) -> None:
        self._cursors.clear()
        if self.node.rows.in_transaction:
            self.node.rows.execute("COMMIT" if kept else "ROLLBACK")
        self._status = TransactionStatus.IDLE
        self._is_alone = False
        if kept:
            self.node.committed()

    def _break(self) -> None:
        if self._status is not TransactionStatus.IDLE:
            self._ended(kept=False)
        self.closed = True
        raise broken()
