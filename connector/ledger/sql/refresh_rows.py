"""Refreshes as rows of openings: whoever sends one may be gone before it tells what the end system has made of the login.

As long as the row is there, the newest credential may be known to nobody. Then a logout of which the end system does not know
the credential proves nothing, and the row tells a person where to look.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from msgspec.structs import replace

from connector.ledger.sql import opening_rows
from connector.ledger.sql.table import Table
from connector.model import settling
from connector.model.begun import Opening, refresh_of, refreshed_by
from connector.model.debts import Debt, LogoutState
from connector.model.sessions import Login, OpenSession
from connector.model.settling import Settlement


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


def judged(settlements: Sequence[Settlement], doubted: Collection[Login]) -> Iterator[Settlement]:
    """Yield what became of tries: of a login that is in doubt, it proves nothing that its end system did not know it."""
    for each in settlements:
        is_doubted = each.outcome is not None and (each.debt.session_id, each.debt.login_id) in doubted
        yield replace(each, outcome=settling.in_doubt(each.outcome)) if is_doubted and each.outcome else each


def end(table: Table, debts: Iterable[Debt], doubted: Collection[Login]) -> None:
    """Note that logins that are in doubt were closed. If one was ended, so is its newest credential. Else nobody will tell."""
    for debt in debts:
        if debt.state is LogoutState.CLOSED and (debt.session_id, debt.login_id) in doubted:
            if settling.has_ended(debt.outcome):
                renewed(table, debt.session_id, debt.login_id)
            else:
                over(table, debt.session_id, debt.login_id, unanswered=True)
