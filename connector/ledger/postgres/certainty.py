"""What is asked of a database that has failed over: not all that was acknowledged before may have been written again."""

from collections.abc import Sequence
from typing import NamedTuple

from connector.ledger.sql import session_rows
from connector.ledger.sql.session_changes import is_debt
from connector.ledger.sql.table import Table
from connector.model.sessions import OpenSession


class FoundOpen(NamedTuple):
    """What the rows say of whether a session is open by a login."""

    session: OpenSession | None
    is_certain: bool
    """Whether that is all that anybody knows. A replica may still have to write that the session was opened, or ended."""


def open_by(table: Table, logins: Sequence[tuple[str, str]]) -> list[FoundOpen]:
    """Do what `session_rows.open_by` does, and tell whether it can be relied upon."""
    return [_judged(table, *each) for each in zip(session_rows.open_by(table, logins), logins, strict=True)]


def _judged(table: Table, session: OpenSession | None, login: tuple[str, str]) -> FoundOpen:
    """Judge what was found. What was opened may be known to a replica only that was itself forgotten. Ended is ended for good."""
    if session is not None:
        return FoundOpen(session, is_certain=table.term.is_complete)
    return FoundOpen(None, is_certain=table.term.gives_seats or is_debt(table, *login, None))
