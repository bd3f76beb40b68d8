"""Refreshes as rows of openings: whoever sends one may be gone before it tells what the end system has made of the login.

As long as the row is there, the newest credential may be known to nobody. Then no logout proves that the login is over, and the
row tells a person where to look.
"""

from collections.abc import Callable, Collection, Iterable

from connector.ledger.sql import opening_rows
from connector.ledger.sql.table import Table
from connector.model.begun import Opening, refresh_of, refreshed_by
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutResult
from connector.model.sessions import Login, OpenSession


def begin(table: Table, session: OpenSession, *, now: float) -> None:
    """Write down that a login is about to be refreshed. It takes no seat, because the login has one. A repeat changes nothing."""
    refresh = Opening(session.session_id, session.system_id, session.origin, refresh_of(session.login_id), now)
    opening_rows.begin_all(table, [refresh])


def over(table: Table, session_id: str, login_id: str, *, unanswered: bool) -> None:
    """Note that nothing came of this owner's refresh, or that nobody knows what did. An earlier one that is unknown stays so."""
    for row in opening_rows.believed(table, session_id):
        if row.login_id == refresh_of(login_id) and row.owner == table.term.owner:
            if unanswered:
                opening_rows.update(table, row._replace(owner=None))
            else:
                opening_rows.remove(table, session_id, row.login_id)


def renewed(table: Table, session_id: str, login_id: str) -> None:
    """Note that the newest credential of a login is known: what was in doubt before is in doubt no more."""
    opening_rows.remove(table, session_id, refresh_of(login_id))


def ask_for_doubts(table: Table, logins: Collection[Login]) -> Callable[[], set[Login]]:
    """Ask with the next statement of which of these logins the newest credential may be unknown. Return what then tells it."""
    of_sessions, sessions = table.among({session_id for session_id, _ in logins})
    of_refreshes, refreshes = table.among({refresh_of(login_id) for _, login_id in logins})
    query = f"SELECT session_id, login_id FROM openings WHERE session_id {of_sessions} AND login_id {of_refreshes}"  # noqa: S608 - ours
    found = table.later(query, [*sessions, *refreshes])
    return lambda: {(session_id, refreshed_by(refresh) or "") for session_id, refresh in found()}


def leave(table: Table, debts: Iterable[Debt], doubted: Collection[Login]) -> None:
    """Note that the logouts of logins that are in doubt are closed: from now on, nobody will tell what has come of a refresh.

    Not even an end system that has confirmed the logout: many do so for a credential that they do not know. If it said that it
    does not know it, the login may live by a newer one, and the seat that the logout gave back is that of the refresh.
    """
    for debt in debts:
        outcome = debt.outcome if debt.state is LogoutState.CLOSED and (debt.session_id, debt.login_id) in doubted else None
        if outcome is None or outcome.result is LogoutResult.NOT_APPLICABLE:
            continue
        is_gone = outcome.result is LogoutResult.ALREADY_OUT and not debt.is_unproved
        for row in opening_rows.believed(table, debt.session_id):
            if row.login_id == refresh_of(debt.login_id):
                owner = None if row.owner == table.term.owner else row.owner
                seat = debt.seat.pool if debt.seat is not None and is_gone else row.seat
                opening_rows.update(table, row._replace(owner=owner, seat=seat))
