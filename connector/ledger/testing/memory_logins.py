"""What becomes of logins within one transaction of a ledger in memory."""

from collections.abc import Collection
from dataclasses import replace

from connector.ledger.testing.memory_store import MemoryStore, fingerprint
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.logins import dead_seal, is_in_use, owed_login, set_aside
from connector.model.sessions import Current, OpenSession, Renewal, Replaced
from connector.model.transitions import Asked, as_known, asked_again, new, over_before, renewed, revived


def recorded(store: MemoryStore, asked: Asked) -> Debt:
    """Write down what a cleanup owes, in the row of its login."""
    request = asked.request
    wanted = fingerprint(request.session_id, request.login_id, request.credential)
    earlier = store.of_login(request.session_id, request.login_id, request.credential)
    debt = store.update(asked_again(earlier[0], asked, wanted)) if earlier else store.insert(new(asked, wanted))
    store.closed(debt)
    return debt


def origin_of_login(told: str, ended: OpenSession | None) -> str:
    """Return where a login was made: what the ledger knows counts more than what a cleanup tells."""
    return told if ended is None or ended.credential is None else ended.origin


def by_row(store: MemoryStore, request: CleanupRequest, ended: OpenSession | None) -> CleanupRequest:
    """Return the cleanup by what is known of its login."""
    return request if ended is None else as_known(request, ended, has_sharers=has_sharers(store, ended))


def has_sharers(store: MemoryStore, login: OpenSession) -> bool:
    """Tell whether another session is open by the same login, if it is one that several sessions may have."""
    return sharers(store, login) > 0


def sharers(store: MemoryStore, login: OpenSession) -> int:
    """Return how many other sessions are open by the same login, if it is one that several sessions may have."""
    if not login.is_shared or login.credential is None:
        return 0
    key = login.session_id, login.login_id
    others = (other for other_key, other in store.sessions.items() if other_key != key and other.is_shared)
    return sum(is_in_use(other, login.credential, login.origin) for other in others)


def close_session(
    store: MemoryStore, session_id: str, login_id: str, logins: Collection[str] | None, now: float
) -> OpenSession | None:
    """Remove what the session has; its logins become debts, but for the one that the caller ends. Return that one."""
    for session in store.sessions_of(session_id):
        if session.login_id != login_id and (logins is None or session.login_id in logins):
            del store.sessions[session_id, session.login_id]
            owe(store, session, now)
    return store.sessions.pop((session_id, login_id), None)


def is_open_by(store: MemoryStore, session_id: str, credential: Credential | None, origin: str) -> bool:
    """Tell whether the session is open by a login of this credential."""
    return any(is_in_use(other, credential, origin) for other in store.sessions_of(session_id))


def end_earlier(store: MemoryStore, session: OpenSession, replaced: Replaced, now: float) -> None:
    """Owe the logins that a session was open by, those that the ledger knows and the one that its seal shows."""
    earlier = store.sessions_of(session.session_id)
    for each in earlier:
        del store.sessions[each.session_id, each.login_id]
    if (shown := replaced.login) is not None:
        mark = fingerprint(shown.session_id, shown.login_id, shown.credential)
        if replaced.is_static:
            store.insert(dead_seal(shown, mark, now))
        elif all(each.login_id != shown.login_id for each in earlier) and not store.of_login(
            shown.session_id, shown.login_id, shown.credential
        ):
            earlier.append(shown)
    for each in earlier:
        if not is_in_use(each, session.credential, session.origin):
            owe(store, each, now)


def end_login(store: MemoryStore, session: OpenSession, now: float, *, due_at: float) -> Debt | None:
    """End what there is of a login that nobody will use, and owe it unless somebody else ends it or uses it."""
    key = session.session_id, session.login_id
    begun = store.openings.pop(key, None)
    newest = store.sessions.pop(key, replace(session, seat=begun.seat if begun else session.seat))
    is_asked_for = store.of_login(session.session_id, session.login_id, session.credential)
    if session.credential is None:
        for debt in is_asked_for:
            store.update(over_before(debt, now))
        return None
    if is_asked_for or is_open_by(store, session.session_id, newest.credential, session.origin):
        return None
    return owe(store, newest, now, due_at=due_at)


def renew(store: MemoryStore, renewal: Renewal, now: float) -> Current | None:
    """Replace a login's credential if it has this version, or an older one, and return what is current then."""
    key = renewal.session_id, renewal.login_id
    if (session := store.sessions.get(key)) is not None:
        if session.credential is not None and session.version <= renewal.version:
            session = store.sessions[key] = replace(session, credential=renewal.credential, version=renewal.version + 1)
        return Current(session.credential, session.version)
    for debt in store.of_login(renewal.session_id, renewal.login_id, renewal.credential):
        is_due, later = debt.version <= renewal.version, renewal.version + 1
        now_owed = renewed(debt, renewal.credential, now, version=later) if is_due else debt
        if now_owed is not debt:
            store.update(now_owed)
        return Current(now_owed.credential, now_owed.version, is_open=False)
    return None


def owe(store: MemoryStore, session: OpenSession, now: float, *, due_at: float | None = None) -> Debt | None:
    """Owe a login, unless it is owed. That it was ended once does not count: who says that it is there knows better."""
    if session.credential is None or has_sharers(store, session):
        return None
    debts = store.of_login(session.session_id, session.login_id, session.credential)
    if any(debt.state is not LogoutState.CLOSED for debt in debts):
        return None
    for debt in debts:
        store.update(set_aside(debt))
    mark = fingerprint(session.session_id, session.login_id, session.credential)
    return store.insert(owed_login(session, mark, now, now if due_at is None else due_at))


def revive(store: MemoryStore, session: OpenSession, now: float) -> None:
    """Settle what was owed for a credential that its end system has handed out once more: it is in use again."""
    if session.credential is None:
        return
    owed = store.read(lambda debt: debt.state is not LogoutState.CLOSED)
    for debt in (each for each in owed if each.session_id == session.session_id or (each.is_shared and session.is_shared)):
        if is_in_use(debt, session.credential, session.origin):
            store.update(revived(debt, now))
    for debt in store.of_login(session.session_id, "", session.credential):
        store.update(set_aside(debt))
