"""Statements that are prepared, because to read and plan one anew takes longer than to run it. Not behind every bouncer."""

from typing import Any

import psycopg

REPEATED = 5
"""How often a statement is run before it is prepared."""


def prepare_if_direct(connection: "psycopg.Connection[Any]", process: int) -> None:
    """Let a transaction prepare statements if `process`, in which the database does it, is that of the connection.

    A bouncer names a process of its own when a connection begins, and gives each transaction another one of the database's. There
    a statement of the same name may be another client's.
    """
    connection.prepare_threshold = REPEATED if process == connection.info.backend_pid else None
