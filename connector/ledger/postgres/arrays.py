"""Many values as one of PostgreSQL's arrays, in its binary form: nothing in it is escaped, parsed or converted."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

HEADER = Struct("!iiIii").pack
"""Dimensions, whether there may be nulls, the type of the elements, their number, and the number of the first one."""
LENGTH = Struct("!i").pack
NULL = LENGTH(-1)
BIGINT = Struct("!iq").pack
DOUBLE = Struct("!id").pack


def _text(value: str) -> bytes:
    data = value.encode()
    return LENGTH(len(data)) + data


def _bytea(value: bytes) -> bytes:
    return LENGTH(len(value)) + value


def _bigint(value: int) -> bytes:
    return BIGINT(8, value)


def _double(value: float) -> bytes:
    return DOUBLE(8, value)


ELEMENTS: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "text": (25, _text),
    "bytea": (17, _bytea),
    "bigint": (20, _bigint),
    "double precision": (701, _double),
}
"""By the name of a type: its number, which never changes, and how a value is written."""


class Array(NamedTuple):
    """Values of one type, or None, as one value of a statement, which has to name the type, too."""

    type_: str
    values: Sequence[Any]


class ArrayDumper(Dumper):
    """Writes arrays for psycopg. Its own way with lists asks each value for its type."""

    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        """Return what is sent. Raises `struct.error`, `AttributeError` or `TypeError` if a value is of another type."""
        number, written = ELEMENTS[obj.type_]
        values, first = obj.values, next(iter(obj.values))
        header = HEADER(1, 1, number, len(values), 1)
        if values.count(first) == len(values):  # as in most columns of rows that are written at once
            return header + (NULL if first is None else written(first)) * len(values)
        return header + b"".join([NULL if value is None else written(value) for value in values])


def teach(connection: "psycopg.Connection[Any]") -> None:
    """Let a connection take arrays as values."""
    connection.adapters.register_dumper(Array, ArrayDumper)
