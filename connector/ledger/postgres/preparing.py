"""Statements that are prepared, because to read and plan one anew takes longer than to run it. Not behind every bouncer."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg

REPEATED = 5
"""How often a statement is run before it is prepared."""
THERE = b"SELECT name FROM pg_prepared_statements"


class PreparedScript(NamedTuple):
    """Statements that are sent as one, with the place `{looks}` for a number and `{word}` for bytes."""

    prepares: Mapping[str, str]
    """By the name of each statement but the first one: what prepares it."""
    script: str
    """What runs them, with the same places."""


@lru_cache(maxsize=1)
def prepared(script: str) -> PreparedScript:
    """Return a script whose statements are called by their names."""
    first, *rest = script.split("; ")
    prepares, calls = dict[str, str](), [first]
    for number, statement in enumerate(rest):
        name = f"begin_{number}"
        types, values = ("(bigint, bytea)", "({looks}, {word})") if "{word}" in statement else ("", "")
        prepares[name] = f"PREPARE {name}{types} AS {statement.format(looks='$1', word='$2')}"
        calls.append(f"EXECUTE {name}{values}")
    return PreparedScript(prepares, "; ".join(calls))


def as_prepared(connection: "psycopg.Connection[Any]", script: str) -> str:
    """Return how the script is sent on this connection: by the names of its statements once these are prepared there."""
    return script if connection.prepare_threshold is None else prepared(script).script


def prepare_if_direct(connection: "psycopg.Connection[Any]", process: int, script: str) -> None:
    """Let a transaction prepare statements if `process`, in which the database does it, is that of the connection.

    Those of the `script` are prepared at once. A bouncer names a process of its own when a connection begins, and gives each
    transaction another one of the database's. There a statement of the same name may be another client's.
    """
    if process != connection.info.backend_pid:
        connection.prepare_threshold = None
    elif connection.prepare_threshold is None:
        there = {name for (name,) in connection.execute(THERE).fetchall()}
        wanted = [statement for name, statement in prepared(script).prepares.items() if name not in there]
        if wanted:
            connection.execute("; ".join(wanted).encode())
        connection.prepare_threshold = REPEATED


def forget_prepared(connection: "psycopg.Connection[Any]") -> None:
    """Note that statements may be prepared no more: psycopg may deallocate all after a ROLLBACK, a DROP or an ALTER."""
    connection.prepare_threshold = None
