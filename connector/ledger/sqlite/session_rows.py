"""Sessions that are opened, used and closed, each within one transaction: a login is always a session's, a debt, or ended.

A session has one row, that of its login; another one beside it has a key that is missing, or was damaged, and is left as it is.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import COLUMNS, NAMES, SessionRow, authenticated, decoded, encoded, verify
from connector.ledger.rows import fingerprints
from connector.ledger.sqlite.table import Table, marks
from connector.ledger.unverified import Unverified
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.logins import dead_seal, is_in_use, owed_eviction, owed_login, set_aside
from connector.model.sessions import Known, OpenSession, Replaced
from connector.model.transitions import revived

INSERT = f"INSERT INTO sessions ({NAMES}) VALUES ({marks(COLUMNS)})"  # noqa: S608 - ours
SELECT = f"SELECT {NAMES} FROM sessions"  # noqa: S608 - ours


def known(table: Table) -> Known:
    """Return what has to be known to tell whether a session is alive."""
    latest: dict[str, str] = {}
    earlier: dict[str, tuple[str, ...]] = {}
    older_keys, keyless, damaged = Counter[str](), 0, 0
    for row in _rows(table, "ORDER BY id"):
        try:
            verify(row, table.keyring)
        except KeyMissing:
            keyless += 1
        except Unverified:
            damaged += 1
        else:
            if row.session_id in latest:
                earlier[row.session_id] = (*earlier.get(row.session_id, ()), latest[row.session_id])
            latest[row.session_id] = row.login_id
            if row.key_id != table.keyring.current:
                older_keys[row.key_id] += 1
    ledger_id = bytes(table.connection.execute("SELECT id FROM identity").fetchone()[0])
    return Known(ledger_id, latest, earlier, older_keys, keyless, damaged)


def open_or_replace(
    table: Table, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str], now: float
) -> Debt | None:
    """Write down that a session is open; return the eviction that is owed because it had a life before, None if it had none.

    That life may be over on paper while its cleanup still evicts. Nobody may wait for that one: it may be another process's.
    Its login has an id that no other has: if there is a row of that, this was written down before.
    """
    known, fingerprint = _logins(table, session.session_id), _of_replacement(table, session)
    if session.login_id in known:
        return next(iter(table.debts("session_id = ? AND fingerprint = ?", session.session_id, fingerprint)), None)
    has_lived = replaced is not None or bool(known) or owes_evictions(table, session.session_id)
    earlier = None if replaced is None else replaced.login
    dead = earlier if replaced is not None and replaced.is_static else None
    open_session(table, session, replaced=None if dead else earlier, now=now)
    if dead is not None:
        table.insert(dead_seal(dead, _fingerprint(table, dead), now))
    return table.insert(owed_eviction(session, fingerprint, drivers, now)) if has_lived else None


def open_session(table: Table, session: OpenSession, *, replaced: OpenSession | None, now: float) -> None:
    """Write down that a session is open by a new login; its earlier one, as the row or `replaced` knows it, becomes a debt."""
    earlier = _taken(table, session.session_id)
    if replaced is not None and not is_debt(table, replaced.session_id, replaced.login_id, replaced.credential):
        earlier.append(replaced)
    for login in earlier:
        if not is_in_use(login, session.credential, session.origin):
            owe(table, login, now=now)
    _revive(table, session, now)
    table.connection.execute(INSERT, encoded(session, table.keyring))


def close_session(
    table: Table, session_id: str, *, login_id: str, now: float, logins: Collection[str] | None = None
) -> OpenSession | None:
    """Remove what the session has; its logins become debts, but for one of which the caller takes care himself.

    Returns that one, if it has a row that is to be believed.

    Args:
        table: where it is open.
        session_id: canonical UUID text.
        login_id: the one that the caller ends, and has proved to be his: its row goes even if it is damaged.
        now: when the other logins become due.
        logins: ids of those that are meant, whatever was opened since; None for all.
    """
    ended = None
    for session in _taken(table, session_id, None if logins is None else {*logins, login_id}):
        if session.login_id == login_id:
            ended = session
        else:
            owe(table, session, now=now)
    _remove(table, session_id, login_id)
    return ended


def end_login(table: Table, session: OpenSession, *, now: float, due_at: float) -> Debt | None:
    """Write down that nobody will use a login: its row is removed if it is still of this login. Return what is owed of it.

    Nothing is owed if a cleanup has seen to it, or if the session is open by the same credential, handed out twice.
    """
    _remove(table, session.session_id, session.login_id)
    is_asked_for = is_debt(table, session.session_id, session.login_id, session.credential)
    if is_asked_for or is_open_by(table, session.session_id, session.credential, session.origin):
        return None
    return owe(table, session, now=now, due_at=due_at)


def owe(table: Table, session: OpenSession, *, now: float, due_at: float | None = None) -> Debt | None:
    """Write down that a login has to be ended, at once by default, unless it is owed already. Return what is new.

    That it was ended once does not count: who says that it is there knows better.
    """
    if session.credential is None:
        return None
    debts = table.of_login(session.session_id, session.login_id, session.credential)
    if any(debt.state is not LogoutState.CLOSED for debt in debts):
        return None
    for debt in debts:
        table.update(set_aside(debt))
    return table.insert(owed_login(session, _fingerprint(table, session), now, now if due_at is None else due_at))


def is_debt(table: Table, session_id: str, login_id: str, credential: Credential | None) -> bool:
    """Tell whether a login is, or was a while ago, a debt: somebody has asked to end it."""
    return bool(table.of_login(session_id, login_id, credential or Credential()))


def note_use(table: Table, used: Mapping[str, float]) -> None:
    """Write down when sessions were last used; one that is closed by now, or whose row is not to be believed, is left out."""
    for session_id, moment in used.items():
        for row, _ in _believed(table, session_id):
            used_now = authenticated(row._replace(used_at=max(moment, row.used_at)), table.keyring)
            values = (used_now.used_at, used_now.mac, row.id)
            table.connection.execute("UPDATE sessions SET used_at = ?, mac = ? WHERE id = ?", values)


def owes_evictions(table: Table, session_id: str) -> bool:
    """Tell whether something that a session has cached may still be there; a row that cannot be read may say so."""
    return any(debt.evictions or debt.unusable for debt in table.shown("session_id = ?", session_id))


def is_open_by(table: Table, session_id: str, credential: Credential | None, origin: str) -> bool:
    """Tell whether the session is open by a login of this credential: its end system has handed it out once more."""
    return any(is_in_use(other, credential, origin) for _, other in _believed(table, session_id))


def origin_of(table: Table, session_id: str, login_id: str) -> str | None:
    """Return where an open session's login was made; None if it has no row that is to be believed."""
    return next((session.origin for _, session in _believed(table, session_id) if session.login_id == login_id), None)


def _logins(table: Table, session_id: str) -> set[str]:
    """Return the ids of the logins for which the session has a row, be it one that is not to be believed."""
    return {id_ for (id_,) in table.connection.execute("SELECT login_id FROM sessions WHERE session_id = ?", (session_id,))}


def _taken(table: Table, session_id: str, which: Collection[str] | None = None) -> list[OpenSession]:
    """Remove the session's rows that are to be believed, all or those of which logins, and return what they held."""
    taken = []
    for row, session in _believed(table, session_id):
        if which is None or session.login_id in which:
            table.connection.execute("DELETE FROM sessions WHERE id = ?", (row.id,))
            taken.append(session)
    return taken


def _rows(table: Table, condition: str, *values: str) -> Iterator[SessionRow]:
    return map(SessionRow._make, table.connection.execute(f"{SELECT} {condition}", values))


def _believed(table: Table, session_id: str) -> Iterator[tuple[SessionRow, OpenSession]]:
    """Yield the session's rows that are to be believed, and what they hold."""
    for row in [*_rows(table, "WHERE session_id = ?", session_id)]:
        with suppress(KeyMissing, Unverified):
            yield row, decoded(row, table.keyring)


def _remove(table: Table, session_id: str, login_id: str) -> None:
    table.connection.execute("DELETE FROM sessions WHERE session_id = ? AND login_id = ?", (session_id, login_id))


def _revive(table: Table, session: OpenSession, now: float) -> None:
    """Settle what was owed for a credential that its end system has handed out once more: it is in use again."""
    if session.credential is None:
        return
    for debt in table.debts("session_id = ? AND state <> 'closed'", session.session_id):
        if is_in_use(debt, session.credential, session.origin):
            table.update(revived(debt, now))
    for debt in table.of_login(session.session_id, "", session.credential):
        table.update(set_aside(debt))


def _fingerprint(table: Table, session: OpenSession) -> bytes:
    credential = session.credential or Credential()
    return fingerprints(session.session_id, session.login_id, credential, table.keyring)[0]


def _of_replacement(table: Table, session: OpenSession) -> bytes:
    """Return what finds the eviction again that the opening of a session has left: no login has it."""
    return table.keyring.mac("replacement", session.login_id.encode())
