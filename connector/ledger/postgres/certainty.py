"""What is asked of a database that has failed over: not all that was acknowledged before may have been written again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connector.ledger.sql import session_changes, session_rows
from connector.ledger.sql.session_changes import is_debt
from connector.ledger.sql.table import Table
from connector.model.sessions import Current, Login, OpenSession, Renewal


class FoundOpen(NamedTuple):
    """What the rows say of whether a session is open by a login."""

    session: OpenSession | None
    is_certain: bool
    """Whether that is all that anybody knows. A replica may still have to write that the session was opened, or ended."""


class FoundCurrent(NamedTuple):
    """What the rows say of a login whose credential is renewed."""

    current: Current | None
    is_certain: bool
    """Whether that is all that anybody knows, as above. What nobody has written again yet must not be taken for unknown."""


def renew(table: Table, renewal: Renewal, *, now: float) -> FoundCurrent:
    """Do what `session_changes.renew` does, and tell whether it can be relied upon."""
    current = session_changes.renew(table, renewal, now=now)
    return FoundCurrent(current, is_certain=current is not None or table.term.gives_seats)


def changed_logins(table: Table, known: Mapping[Login, int]) -> dict[Login, int | None] | None:
    """Do what `session_rows.changed_logins` does; None if one of these may be open that is not there, as above."""
    changed = session_rows.changed_logins(table, known)
    gone = (login for login, version in changed.items() if version is None)
    is_certain = table.term.gives_seats or all(is_debt(table, *login, None) for login in gone)
    return changed if is_certain else None


def open_by(table: Table, logins: Sequence[tuple[str, str]]) -> list[FoundOpen]:
    """Do what `session_rows.open_by` does, and tell whether it can be relied upon."""
    return [_judged(table, *each) for each in zip(session_rows.open_by(table, logins), logins, strict=True)]


def _judged(table: Table, session: OpenSession | None, login: tuple[str, str]) -> FoundOpen:
    """Judge what was found. What was opened may be known to a replica only that was itself forgotten. Ended is ended for good."""
    if session is not None:
        return FoundOpen(session, is_certain=table.term.is_complete)
    return FoundOpen(None, is_certain=table.term.gives_seats or is_debt(table, *login, None))
