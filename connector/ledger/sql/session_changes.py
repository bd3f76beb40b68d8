"""Sessions that are opened, replaced and closed, each within one transaction: a login is always a session's, a debt, or ended."""

from collections.abc import Collection, Sequence

from connector.ledger.fingerprints import fingerprints, shares
from connector.ledger.sql import opening_rows, refresh_rows, session_rows
from connector.ledger.sql.facts import SessionRemoved
from connector.ledger.sql.session_rows import believed, insert, logins_of, remove, taken
from connector.ledger.sql.table import Table, marks
from connector.model.begun import Recorded
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.logins import dead_seal, is_in_use, owed_eviction, owed_login, set_aside
from connector.model.sessions import Current, OpenSession, Renewal, Replaced
from connector.model.transitions import over_before, renewed, revived


def open_or_replace(
    table: Table, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str], now: float
) -> Recorded:
    """Make an opening a session, and owe the eviction of the life that it had before, if it had one.

    That life may be recorded as over while its cleanup still evicts. Nobody waits for that: it may be another process's.
    No other login has the id of this one: if it has a row, this opening was recorded before. If it must not become a session,
    its login is owed, and nothing is replaced.
    """
    known, fingerprint = logins_of(table, session.session_id), _of_replacement(table, session)
    if session.login_id in known:
        opening_rows.remove(table, session.session_id, session.login_id)
        before = table.debts("session_id = ? AND fingerprint = ?", session.session_id, fingerprint)
        return Recorded(is_open=True, owed=next(iter(before), None))
    opening = opening_rows.taken(table, session.session_id, session.login_id)
    session = opening.seated(session)
    if not opening.may_open:
        end_login(table, session, now=now, due_at=now)
        return Recorded(is_open=False)
    has_lived = replaced is not None or bool(known) or owes_evictions(table, session.session_id)
    earlier = None if replaced is None else replaced.login
    dead = earlier if replaced is not None and replaced.is_static else None
    open_session(table, session, replaced=None if dead else earlier, now=now)
    if dead is not None:
        table.insert(dead_seal(dead, _fingerprint(table, dead), now))
    owed = table.insert(owed_eviction(session, fingerprint, drivers, now)) if has_lived else None
    return Recorded(is_open=True, owed=owed)


def open_session(table: Table, session: OpenSession, *, replaced: OpenSession | None, now: float) -> None:
    """Record that a session is open by a new login; its earlier one, from its row or from `replaced`, becomes a debt."""
    earlier = taken(table, session.session_id)
    has_row = replaced is not None and any(login.login_id == replaced.login_id for login in earlier)
    if replaced is not None and not has_row and not is_debt(table, replaced.session_id, replaced.login_id, replaced.credential):
        earlier.append(replaced)
    for login in earlier:
        if not is_in_use(login, session.credential, session.origin):
            owe(table, login, now=now)
    _revive(table, session, now)
    insert(table, session)


def close_session(
    table: Table, session_id: str, *, login_id: str, now: float, logins: Collection[str] | None = None
) -> OpenSession | None:
    """Remove the rows of a session; its logins become debts, except the one that the caller ends.

    Args:
        table: where it is open.
        session_id: canonical UUID text.
        login_id: the login that the caller ends, and has proved to be his. Its row goes even if it is damaged.
        now: when the other logins become due.
        logins: ids of the logins that are meant, because others may have been opened since; None for all.

    Returns:
        the session by the login that the caller ends, if it has a row that is to be believed.
    """
    ended = None
    for session in taken(table, session_id, None if logins is None else {*logins, login_id}):
        if session.login_id == login_id:
            ended = session
        else:
            owe(table, session, now=now)
    remove(table, session_id, login_id)
    return ended


def end_login(table: Table, session: OpenSession, *, now: float, due_at: float) -> Debt | None:
    """Record that nobody will use a login: remove its rows, and return what is owed for it.

    Nothing is owed if a cleanup has seen to it, or if the session is open by the same credential, handed out twice. If it has no
    credential, nothing is owed any more: it was ended, and this may be the repeat of a record that was late.
    """
    opening = opening_rows.taken(table, session.session_id, session.login_id)
    (newest, *_) = (*taken(table, session.session_id, [session.login_id]), opening.seated(session))
    remove(table, session.session_id, session.login_id)
    table.note([SessionRemoved(newest)])
    if session.credential is None:
        for debt in table.of_login(session.session_id, session.login_id, Credential()):
            if (over := over_before(debt, now)) is not debt:
                table.update(over)
        return None
    is_asked_for = is_debt(table, session.session_id, session.login_id, session.credential)
    if is_asked_for or is_open_by(table, session.session_id, newest.credential, session.origin):
        return None
    return owe(table, newest, now=now, due_at=due_at)


def renew(table: Table, renewal: Renewal, *, now: float) -> Current | None:
    """Replace a login's credential if it has this version, or one from before it that the store has forgotten.

    Return what is current then; None if the login is not known here. A login that is no session's any more is owed by its new
    credential, also if an older one of it was ended.
    """
    current = _renewed(table, renewal, now)
    if renewal.ends_refresh and current is not None and current.credential == renewal.credential:
        refresh_rows.renewed(table, renewal.session_id, renewal.login_id)
    return current


def _renewed(table: Table, renewal: Renewal, now: float) -> Current | None:
    if current := session_rows.renew(table, renewal):
        return current
    for debt in table.of_login(renewal.session_id, renewal.login_id, renewal.credential):
        is_due, later = debt.version <= renewal.version, renewal.version + 1
        now_owed = renewed(debt, renewal.credential, now, version=later) if is_due else debt
        if now_owed is not debt:
            table.update(now_owed)
        return Current(now_owed.credential, now_owed.version, is_open=False)
    return None


def owe(table: Table, session: OpenSession, *, now: float, due_at: float | None = None) -> Debt | None:
    """Owe a login, due at once by default, unless it is owed already. Return the new debt.

    Whether it was ended once does not matter: whoever says that it is there knows better.
    """
    if session.credential is None or session_rows.has_sharers(table, session):
        return None
    debts = table.of_login(session.session_id, session.login_id, session.credential)
    if any(debt.state is not LogoutState.CLOSED for debt in debts):
        return None
    for debt in debts:
        table.update(set_aside(debt))
    return table.insert(owed_login(session, _fingerprint(table, session), now, now if due_at is None else due_at))


def end_anyhow(table: Table, session: OpenSession, *, now: float) -> None:
    """Owe a login that no session has; if there is nothing to end, leave what says that its seal is dead."""
    is_used = is_open_by(table, session.session_id, session.credential, session.origin)
    owed = None if is_used else owe(table, session, now=now)
    if owed is None and not is_debt(table, session.session_id, session.login_id, session.credential):
        table.insert(dead_seal(session, _fingerprint(table, session), now))


def is_debt(table: Table, session_id: str, login_id: str, credential: Credential | None) -> bool:
    """Tell whether a login is, or was a while ago, a debt: somebody has asked to end it."""
    return bool(table.of_login(session_id, login_id, credential or Credential()))


def owes_evictions(table: Table, session_id: str) -> bool:
    """Tell whether something that a session has cached may still be there; a row that cannot be read may say so."""
    return any(debt.evictions or debt.unusable for debt in table.shown("session_id = ?", session_id))


def is_open_by(table: Table, session_id: str, credential: Credential | None, origin: str) -> bool:
    """Tell whether the session is open by a login of this credential: its end system has handed it out once more."""
    return any(is_in_use(other, credential, origin) for _, other in believed(table, session_id))


def _revive(table: Table, session: OpenSession, now: float) -> None:
    """Settle what was owed for a credential that its end system has handed out once more: it is in use again."""
    if session.credential is None:
        return
    for debt in table.debts("session_id = ? AND state <> 'closed'", session.session_id):
        if is_in_use(debt, session.credential, session.origin):
            table.update(revived(debt, now))
    for debt in table.of_login(session.session_id, "", session.credential):
        table.update(set_aside(debt))
    for debt in _owed_by_sharers(table, session, session.credential):
        table.update(revived(debt, now))


def _owed_by_sharers(table: Table, session: OpenSession, credential: Credential) -> list[Debt]:
    """Return what other sessions owe of this login, if it is one that several sessions may have."""
    if not session.is_shared:
        return []
    digests = shares(credential, table.keyring)
    return table.debts(f"share IN ({marks(digests)}) AND origin = ? AND state <> 'closed'", *digests, session.origin)


def _fingerprint(table: Table, session: OpenSession) -> bytes:
    credential = session.credential or Credential()
    return fingerprints(session.session_id, session.login_id, credential, table.keyring)[0]


def _of_replacement(table: Table, session: OpenSession) -> bytes:
    """Return what finds the eviction again that the opening of a session has left: no login has it.

    It is by the key of the session's seal, because another one may be promoted before a transaction is repeated.
    """
    key_id = session.key_id if session.key_id in table.keyring.ids else None
    return table.keyring.mac("replacement", session.login_id.encode(), key_id=key_id)
