"""Facts that are written again in a database that has forgotten them, whatever others have done in it meanwhile.

Ended beats open. An opening takes only an empty place. Any other login is owed. What the database knows and this replica does not
stays as it is. To write the same facts twice changes nothing.
"""

import dataclasses
from collections.abc import Collection

from msgspec.structs import replace

from connector.ledger.begun_logins import OpeningRow
from connector.ledger.postgres import epochs
from connector.ledger.postgres.known_facts import KnownFacts
from connector.ledger.postgres.unheard import insert_again, write_unheard
from connector.ledger.sql import opening_rows, session_rows
from connector.ledger.sql.facts import SessionRemoved
from connector.ledger.sql.session_changes import end_anyhow, is_debt, is_open_by
from connector.ledger.sql.table import Table
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.logins import set_aside
from connector.model.outcomes import SHARED
from connector.model.seat_pools import Seat
from connector.model.sessions import Login, OpenSession
from connector.model.transitions import closed_if_done, renewed, revived


def write_again(table: Table, known: KnownFacts, *, there: Collection[bytes], now: float, is_late: bool = False) -> int:
    """Write what is known as far as the rows do not say it, and return of how many logins and debts something is known.

    `there` are owners that have written what they know already: what they have under way has a row. After `is_late`, everybody
    has been told meanwhile that what has no row is closed: no session is opened, and its login is owed.
    """
    if is_late:
        known.end(_without_row(table, known))
    if known.debts:
        epochs.count_on(table, max(known.debts))
    heard_of = table.sessions_heard_of(known.sessions)
    unheard, heard = known.split(heard_of)
    write_unheard(table, unheard, there)
    ended = _ended(table, heard)
    _write_heard(table, heard, there, now)
    owed = {(debt.session_id, debt.login_id) for debt in known.debts.values()}
    for session in known.over:
        if (session.session_id, session.login_id) not in owed and not _write_into_debts(table, session, now):
            end_anyhow(table, session, now=now)
    for session in ended:
        _write_into_debts(table, session, now)
    return len(known.logins) + len(known.debts)


def remove_again(table: Table, known: KnownFacts) -> None:
    """Remove the rows of logins that are known not to be under way any more.

    Of a login whose opening it had marked, another owner writes it again. This one has perhaps not lost its end, and then
    writes nothing again that would remove it.
    """
    opening_rows.remove_all(table, [login for login, told in known.logins.items() if told.opening is None])


def _without_row(table: Table, known: KnownFacts) -> list[Login]:
    """Return by which logins sessions are known as open that the rows do not know."""
    logins = [(session.session_id, session.login_id) for session in known.open]
    return [login for login, found in zip(logins, session_rows.open_by(table, logins), strict=True) if found is None]


def _ended(table: Table, known: KnownFacts) -> list[OpenSession]:
    """Remove the rows of sessions that are known as ended. Return what they held: it may be newer than what has ended them."""
    logins = {(debt.session_id, debt.login_id) for debt in known.debts.values() if debt.login_id}
    logins |= {(session.session_id, session.login_id) for session in known.over}
    if not logins:
        return []
    ended = [session for session in session_rows.open_by(table, [*logins]) if session is not None]
    table.note(map(SessionRemoved, ended))
    for login in logins:
        session_rows.remove(table, *login)
    return ended


def _write_heard(table: Table, known: KnownFacts, there: Collection[bytes], now: float) -> None:
    """Write what is known of sessions of which the database knows something as well, login by login."""
    for debt in known.debts.values():
        _write_debt(table, debt, now)
    for session in known.open:
        _write_session(table, session, now)
    for (session_id, login_id), login in known.logins.items():
        if login.opening is None:
            opening_rows.remove_all(table, [(session_id, login_id)])
        else:
            _write_opening(table, login.opening, there, now)


def _write_debt(table: Table, debt: Debt, now: float) -> None:
    """Write a debt, by its id if it is free: whoever has it in hand settles it by that."""
    for found in _rows_of(table, debt):
        if found.state is LogoutState.CLOSED and debt.state is not LogoutState.CLOSED and debt.id > found.id:
            table.update(set_aside(found))  # this login was owed once more, and by a row of its own
            continue
        joined = _seated(_joined(found, debt, now), debt.seat or found.seat)
        if joined != found:
            table.update(joined)
        return
    insert_again(table, [debt])


def _rows_of(table: Table, debt: Debt) -> list[Debt]:
    if debt.login_id:
        return table.of_login(debt.session_id, debt.login_id, Credential())
    return table.debts("session_id = ? AND fingerprint = ? ORDER BY id", debt.session_id, debt.fingerprint)


def _joined(found: Debt, known: Debt, now: float) -> Debt:
    """Return what is true of a debt by its row and by what is known of it: what is closed stays closed, the later wins."""
    if known.version != found.version:
        return found if known.version < found.version else replace(known, id=found.id)
    if known.state is LogoutState.CLOSED and found.state is not LogoutState.CLOSED:
        done = replace(found, state=LogoutState.CLOSED, outcome=known.outcome, dismissed=known.dismissed)
        return closed_if_done(replace(done, attempts=max(found.attempts, known.attempts)), now)
    if found.state is not LogoutState.CLOSED and (known.revision, known.attempts) > (found.revision, found.attempts):
        return replace(known, id=found.id)
    return replace(found, moved_to=found.moved_to or known.moved_to)


def _write_session(table: Table, session: OpenSession, now: float) -> None:
    """Open a session by a login that is known to be open, if nobody has ended it, and if no other login is in its place."""
    if _write_into_debts(table, session, now) or _is_ended_by_credential(table, session):
        session_rows.remove(table, session.session_id, session.login_id)
        return
    rows = [*session_rows.believed(table, session.session_id)]
    own = [(row, found) for row, found in rows if found.login_id == session.login_id]
    for row, found in own:
        if found.version < session.version:
            session_rows.write_credential(table, row, session)
        elif found.version == session.version and found.credential != session.credential:
            # Renewed once more meanwhile, by who did not know of this one. Both replicas see a later version, and ask for it.
            session_rows.write_credential(table, row, dataclasses.replace(found, version=found.version + 1))
    if own:
        return
    if rows or opening_rows.is_overtaken(table, session.session_id, session.login_id):
        end_anyhow(table, session, now=now)
    else:
        session_rows.insert(table, session)


def _write_into_debts(table: Table, session: OpenSession, now: float) -> bool:
    """Give a login's debts what is known of it: its seat, and its credential if theirs is older. Tell whether there are any."""
    debts = table.of_login(session.session_id, session.login_id, session.credential or Credential())
    if debts:
        session_rows.remove(table, session.session_id, session.login_id)  # or it would count as one that uses the login
    for debt in debts:
        is_newest = session.credential is None or debt.version >= session.version
        now_owed = _seated(debt if is_newest else _by_newer(table, debt, session, now), session.seat)
        if now_owed != debt:
            table.update(now_owed)
    return bool(debts)


def _seated(debt: Debt, seat: Seat | None) -> Debt:
    """Return a debt with the seat that its login is known to have, unless that has surely ended."""
    has_ended = debt.state is LogoutState.CLOSED and not debt.is_unproved
    return debt if debt.seat is not None or has_ended else replace(debt, seat=seat)


def _by_newer(table: Table, debt: Debt, session: OpenSession, now: float) -> Debt:
    """Return a debt by a newer credential of its login, closed if others use that."""
    is_closed, credential = debt.state is LogoutState.CLOSED, session.credential or Credential()
    if is_open_by(table, session.session_id, credential, session.origin):
        return debt if is_closed else revived(debt, now)
    if session_rows.has_sharers(table, session):
        return debt if is_closed else closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=SHARED), now)
    now_owed = renewed(debt, credential, now, version=session.version)
    return debt if now_owed is debt else replace(now_owed, is_shared=session.is_shared)


def _is_ended_by_credential(table: Table, session: OpenSession) -> bool:
    """Tell whether a cleanup without a seal has named this login."""
    return session.credential is not None and is_debt(table, session.session_id, "", session.credential)


def _write_opening(table: Table, row: OpeningRow, there: Collection[bytes], now: float) -> None:
    session_id, login_id = row.session_id, row.login_id
    if login_id in session_rows.logins_of(table, session_id) or is_debt(table, session_id, login_id, None):
        opening_rows.remove(table, session_id, login_id)
    elif row.owner not in there:
        opening_rows.insert_all(table, [row])
    opening_rows.complete(table, row)
    if row.overtaken:
        for session in session_rows.taken(table, session_id, [login_id]):
            end_anyhow(table, session, now=now)
