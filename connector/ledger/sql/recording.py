"""What a cleanup owes and what became of it, each within one transaction."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from connector.ledger.fingerprints import fingerprints
from connector.ledger.open_sessions import SessionRow
from connector.ledger.sql import refresh_rows, session_rows
from connector.ledger.sql.opening_rows import overtake
from connector.ledger.sql.session_changes import close_session, is_open_by
from connector.ledger.sql.session_rows import has_sharers
from connector.ledger.sql.table import Heard, Table
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.debts import Debt, LogoutState, Sorted
from connector.model.errors import NoSuchDebt
from connector.model.outcomes import IN_USE_AGAIN
from connector.model.seat_pools import Seat
from connector.model.sessions import Login, OpenSession
from connector.model.settling import Settlement, leaves_nothing, settled
from connector.model.transitions import Asked, as_known, asked_again, dismissed, due_at_once, held_or_let_go, new


def record(table: Table, asked: Sequence[Asked]) -> list[Debt]:
    """Record what each of these cleanups owes, in the row of its login; their sessions are not open, nor opened, any more."""
    sealed = [each.request.session_id for each in asked if each.request.login_id]
    rows = session_rows.asked_for(table, sealed) if sealed else list
    heard_of = table.sessions_heard_of([each.request.session_id for each in asked])
    for each in asked:
        if Heard.OPENING in heard_of.get(each.request.session_id, Heard(0)):
            overtake(table, each.request.session_id, each.logins)
    first: dict[str, Asked] = {}
    for each in asked:
        first.setdefault(each.request.session_id, each)
    inserted = _recorded_together(table, first, heard_of, rows)
    return [inserted.get(id(each)) or _record_one(table, each) for each in asked]


def record_late(table: Table, missed: Missed, *, now: float) -> Debt:
    """Record what is left of a cleanup that is over, due at once. Sessions that were opened since stay open."""
    request = missed.request
    overtake(table, request.session_id, missed.logins)
    ended = close_session(table, request.session_id, login_id=request.login_id, now=now, logins=missed.logins)
    origin, request = _origin(missed.origin, ended), _as_known(table, request, ended)
    if request.foregone is None and is_open_by(table, request.session_id, request.credential, origin):
        request = replace(request, foregone=IN_USE_AGAIN)
    return _recorded(table, Asked(request, origin, missed.drivers, now=now, due_at=now, seat=_seat(ended)))


def settle(table: Table, settlements: Sequence[Settlement]) -> list[Debt | None]:
    """Record what became of each of these tries. None stands for a row that is gone, or not needed any more."""
    gone = table.delete_unshared([each.debt.id for each in settlements if leaves_nothing(each)])
    left = {each.debt.id for each in settlements} - gone
    if not left:
        return [None] * len(settlements)
    # As a few statements for all, because each takes a way to the database and back.
    which, ids = table.among(left)
    closed = {(each.debt.id, each.debt.version) for each in settlements if each.state is LogoutState.CLOSED}
    ask = refresh_rows.ask_for_doubts(table, [(each.debt.session_id, each.debt.login_id) for each in settlements])
    # A closed logout keeps no credential, so its seal need not be broken.
    found = table.debts(f"id {which}", *ids, needs_credential=lambda debt: (debt.id, debt.version) not in closed)
    debts, doubted = {debt.id: debt for debt in found}, ask()
    for each in settlements:
        if (debt := debts.get(each.debt.id)) is not None:
            debts[debt.id] = settled(debt, each)
    done = {debt.id: debt for debt in table.update_all([*debts.values()])}
    refresh_rows.leave(table, done.values(), doubted)
    return [done.get(each.debt.id) for each in settlements]


def forget(table: Table, debt: Debt) -> bool:
    """Remove a debt that only one cleanup has asked for, and say whether it is gone."""
    table.delete_unshared([debt.id])
    return next(table.rows("id = ?", debt.id), None) is None


def make_due(table: Table, id_: int, *, now: float, here: str | None = None) -> Debt:
    """Make a logout due at once if it is not closed. From now on it may be sent to `here`, too."""
    debt = actionable(table, id_)
    return table.update(due_at_once(debt, now, here=here))


def sort(table: Table, changed: Sequence[Sorted], *, now: float) -> None:
    """Record which debts are held back from now on, and which are due again; one that has changed meanwhile is left alone."""
    for each in changed:
        for debt in table.debts("id = ?", each.debt.id):
            if debt == each.debt:
                table.update(held_or_let_go(debt, each.held, now))


def dismiss(table: Table, id_: int, reason: str, *, now: float) -> None:
    """Close a logout that will not be done, or forget a row that cannot be acted upon."""
    unusable = [debt for debt in table.shown("id = ?", id_) if debt.unusable is not None]
    if table.delete("quarantine", id_) or (unusable and table.delete("debts", id_)):
        return
    debt = actionable(table, id_)
    table.update(dismissed(debt, reason, now))


def _recorded_together(
    table: Table, asked: Mapping[str, Asked], heard_of: Mapping[str, Heard], rows: Callable[[], list[SessionRow]]
) -> dict[int, Debt]:
    """Record those cleanups that take no look at other rows, in one statement. Return the debts by what was asked.

    `rows` returns those of the sessions that are cleaned up by a seal.
    """
    by_seal = {id_: each.request.login_id for id_, each in asked.items() if heard_of.get(id_) is Heard.OPEN}
    ended = session_rows.taken_alone(table, by_seal, rows() if by_seal else [])
    alone = {id_: _of_login(table, each, ended.get(id_)) for id_, each in asked.items() if id_ in ended or id_ not in heard_of}
    begun = table.insert_all([new(each, _fingerprint(table, each.request)) for each in alone.values()])
    return {id(asked[id_]): debt for id_, debt in zip(alone, begun, strict=True)}


def _record_one(table: Table, asked: Asked) -> Debt:
    request = asked.request
    ended = close_session(table, request.session_id, login_id=request.login_id, now=asked.now, logins=asked.logins)
    return _recorded(table, _of_login(table, asked, ended))


def _of_login(table: Table, asked: Asked, ended: OpenSession | None) -> Asked:
    """Return the cleanup as what the ledger knows of its login makes it."""
    if ended is None:
        return asked
    request = _as_known(table, asked.request, ended)
    return replace(asked, origin=_origin(asked.origin, ended), request=request, seat=_seat(ended))


def _recorded(table: Table, asked: Asked) -> Debt:
    request, fingerprint = asked.request, _fingerprint(table, asked.request)
    login = request.session_id, request.login_id
    ask: Callable[[], set[Login]] = set if request.foregone is None else refresh_rows.ask_for_doubts(table, [login])
    known, doubted = table.of_login(*login, request.credential), ask()
    debt = table.update(asked_again(known[0], asked, fingerprint)) if known else table.insert(new(asked, fingerprint))
    refresh_rows.leave(table, [debt], doubted)
    return debt


def _origin(told: str, ended: OpenSession | None) -> str:
    return told if ended is None or ended.credential is None else ended.origin


def _seat(ended: OpenSession | None) -> Seat | None:
    return None if ended is None else ended.seat


def _as_known(table: Table, request: CleanupRequest, ended: OpenSession | None) -> CleanupRequest:
    """Return the cleanup by what the row of its login says: a newer credential, or that other sessions have the login, too."""
    if ended is None:
        return request
    return as_known(request, ended, has_sharers=has_sharers(table, ended))


def _fingerprint(table: Table, request: CleanupRequest) -> bytes:
    return fingerprints(request.session_id, request.login_id, request.credential, table.keyring)[0]


def actionable(table: Table, id_: int) -> Debt:
    """Return a debt whose logout is still to be done, with its credential. Raises `NoSuchDebt`."""
    for debt in table.debts("id = ?", id_):
        if debt.state is LogoutState.CLOSED:
            raise NoSuchDebt(f"the logout {id_} is closed")
        return debt
    raise NoSuchDebt(f"nothing that could be acted upon has the id {id_}")
