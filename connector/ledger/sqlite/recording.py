"""What a cleanup owes and what became of it, each within one transaction."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from connector.ledger.errors import NoSuchDebt
from connector.ledger.rows import fingerprints
from connector.ledger.sqlite.sessions import close_session, is_in_use
from connector.ledger.sqlite.table import Table
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.debts import Debt, LogoutState, Sorted
from connector.model.outcomes import IN_USE_AGAIN, WITHOUT_ASKING, LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession
from drivers import Scope

FURTHEST = 3600.0
"""Seconds: nothing is due later than this, so that a clock that jumped parks nothing."""


class Asked(msgspec.Struct, frozen=True):
    """A cleanup as it was received; see `Ledger.record`."""

    request: CleanupRequest
    origin: str
    """Where the login was made, as far as the cleanup tells; what the ledger knows of it counts more."""
    drivers: Sequence[str]
    now: float
    due_at: float
    logins: Collection[str] | None = None
    """Ids of those that the session was open by when the cleanup was received; None: not known, so all."""


class Settlement(msgspec.Struct, frozen=True):
    """What became of a try; see `Ledger.settle`."""

    debt: Debt
    state: LogoutState | None
    """None leaves the logout as it is."""
    outcome: LogoutOutcome | None
    due_at: float
    waited: float
    evicted: frozenset[str]
    now: float


def record(table: Table, asked: Sequence[Asked]) -> list[Debt]:
    """Write down what each of these cleanups owes, in the row of its login; their sessions are not open any more."""
    heard_of = table.sessions_heard_of([each.request.session_id for each in asked])
    first: dict[str, Asked] = {}
    for each in asked:
        if each.request.session_id not in heard_of:
            first.setdefault(each.request.session_id, each)
    new = dict(zip(first, table.insert_all([_new(table, each) for each in first.values()]), strict=True))
    return [new[id_] if first.get(id_ := each.request.session_id) is each else _record_one(table, each) for each in asked]


def record_late(table: Table, missed: Missed, *, now: float) -> Debt:
    """Write down what is left of a cleanup that is over, due at once. What was opened since stays open, with its login."""
    request = missed.request
    ended = close_session(table, request.session_id, login_id=request.login_id, now=now, logins=missed.logins)
    origin = _origin(missed.origin, ended)
    if request.foregone is None and is_in_use(table, request.session_id, request.credential, origin):
        request = replace(request, foregone=IN_USE_AGAIN)
    return _recorded(table, Asked(request, origin, missed.drivers, now=now, due_at=now))


def settle(table: Table, settlements: Sequence[Settlement]) -> list[Debt | None]:
    """Write down what became of each of these tries; None where the row is gone, for it is not there or not needed any more."""
    gone = table.delete_unshared([each.debt.id for each in settlements if _leaves_nothing(each)])
    return [None if each.debt.id in gone else _settle_one(table, each) for each in settlements]


def _settle_one(table: Table, settlement: Settlement) -> Debt | None:
    for debt in table.debts("id = ?", settlement.debt.id):
        done = _logout_settled(debt, settlement)
        if debt.revision == settlement.debt.revision:
            done = replace(done, evictions=_without(done.evictions, settlement.evicted))
        return table.update(_closed_if_done(done, settlement.now))
    return None


def _leaves_nothing(settlement: Settlement) -> bool:
    """Tell whether nobody will ask again what became of a cleanup.

    All is evicted, there was never anything to log out of, and no seal says that its session is alive.
    """
    debt = settlement.debt
    none_made = debt.outcome is not None and debt.outcome.result is LogoutResult.NOT_APPLICABLE and debt.dismissed is None
    return none_made and not debt.login_id and settlement.evicted >= debt.evictions.keys()


def retry(table: Table, id_: int, *, now: float, here: str | None = None) -> Debt:
    """Make a logout that is owed or waits for a human due at once; `here` is another place where it may be sent from now on."""
    debt = actionable(table, id_)
    return table.update(replace(debt, state=LogoutState.OWED, due_at=now, waited=0.0, moved_to=here or debt.moved_to))


def sort(table: Table, changed: Sequence[Sorted], *, now: float) -> None:
    """Write down which debts are held back from now on, and which are due again; one that was used meanwhile is left alone."""
    for each in changed:
        for debt in table.debts("id = ?", each.debt.id):
            if debt == each.debt:
                table.update(_sorted(debt, each.held, now))


def _sorted(debt: Debt, held: LogoutOutcome | None, now: float) -> Debt:
    if held is not None:
        return replace(debt, state=LogoutState.WAITING, outcome=held)
    return replace(debt, state=LogoutState.OWED, outcome=None, due_at=now, waited=0.0)


def dismiss(table: Table, id_: int, reason: str, *, now: float) -> None:
    """Close a logout that will not be done, or forget a row that cannot be acted upon."""
    unusable = [debt for debt in table.shown("id = ?", id_) if debt.unusable is not None]
    if table.delete("quarantine", id_) or (unusable and table.delete("debts", id_)):
        return
    debt = actionable(table, id_)
    table.update(_closed_if_done(replace(debt, state=LogoutState.CLOSED, dismissed=reason), now))


def _record_one(table: Table, asked: Asked) -> Debt:
    request = asked.request
    ended = close_session(table, request.session_id, login_id=request.login_id, now=asked.now, logins=asked.logins)
    return _recorded(table, replace(asked, origin=_origin(asked.origin, ended)))


def _recorded(table: Table, asked: Asked) -> Debt:
    request, new = asked.request, _new(table, asked)
    for known in table.of_login(request.session_id, request.login_id, request.credential):
        again = _asked_again(known, asked, new.fingerprint)
        return table.update(again if request.foregone in WITHOUT_ASKING else _closed_if_foregone(again, asked))
    return table.insert(new)


def _origin(told: str, ended: OpenSession | None) -> str:
    return told if ended is None or ended.credential is None else ended.origin


def _new(table: Table, asked: Asked) -> Debt:
    request = asked.request
    debt = Debt(
        id=0,
        session_id=request.session_id,
        system_id=request.system_id,
        origin=asked.origin,
        fingerprint=fingerprints(request.session_id, request.login_id, request.credential, table.keyring)[0],
        login_id=request.login_id,
        evictions=_owed(asked),
        recorded_at=asked.now,
        due_at=asked.due_at,
        credential=request.credential,
    )
    return _closed_if_foregone(debt, asked)


def _owed(asked: Asked) -> dict[str, tuple[Scope, ...]]:
    return dict.fromkeys(asked.drivers, asked.request.scopes)


def actionable(table: Table, id_: int) -> Debt:
    """Return a debt whose logout is still to be done, with its credential. Raises `NoSuchDebt`."""
    for debt in table.debts("id = ?", id_):
        if debt.state is LogoutState.CLOSED:
            raise NoSuchDebt(f"the logout {id_} is closed")
        return debt
    raise NoSuchDebt(f"nothing that could be acted upon has the id {id_}")


def _asked_again(debt: Debt, asked: Asked, fingerprint: bytes) -> Debt:
    """Add what another cleanup of the same login owes. A closed logout stays closed, one that waits for a human is owed again.

    Wherever that cleanup would send it, the login is of the end system that the row names.
    """
    more = replace(
        debt,
        system_id=asked.request.system_id or debt.system_id,
        fingerprint=fingerprint,
        evictions=_union(debt.evictions, _owed(asked)),
        revision=debt.revision + 1,
        closed_at=None if asked.drivers else debt.closed_at,
    )
    if debt.state is LogoutState.CLOSED:
        return more
    waited = 0.0 if debt.state is LogoutState.WAITING else debt.waited
    return replace(more, state=LogoutState.OWED, outcome=None, due_at=asked.due_at, waited=waited)


def _logout_settled(debt: Debt, settlement: Settlement) -> Debt:
    """Apply a try's outcome. One that began before a later cleanup asked again can close the logout, but not put it off."""
    if settlement.state is None:
        return debt
    tried = debt
    if (outcome := settlement.outcome) is not None:
        late = debt.state is LogoutState.CLOSED and not outcome.closes
        asked = outcome.result is not LogoutResult.HELD
        tried = replace(debt, attempts=debt.attempts + asked, outcome=debt.outcome if late else outcome)
    if debt.state is LogoutState.CLOSED:
        return tried
    if settlement.state is LogoutState.CLOSED:
        return replace(tried, state=LogoutState.CLOSED)
    if debt.revision != settlement.debt.revision:
        return tried
    return replace(tried, state=settlement.state, due_at=settlement.due_at, waited=settlement.waited)


def _closed_if_foregone(debt: Debt, asked: Asked) -> Debt:
    if asked.request.foregone is None or debt.state is LogoutState.CLOSED:
        return debt
    return _closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=asked.request.foregone), asked.now)


def _closed_if_done(debt: Debt, now: float) -> Debt:
    """Erase the credential of a logout that is closed, and close the row if it owes nothing else."""
    if debt.state is not LogoutState.CLOSED:
        return debt
    closed_at = (debt.closed_at or now) if debt.owes_nothing else None
    return replace(debt, credential=None, closed_at=closed_at)


def _union(owed: Mapping[str, tuple[Scope, ...]], more: Mapping[str, tuple[Scope, ...]]) -> dict[str, tuple[Scope, ...]]:
    return {driver: (*dict.fromkeys((*owed.get(driver, ()), *more.get(driver, ()))),) for driver in {**owed, **more}}


def _without(owed: Mapping[str, tuple[Scope, ...]], evicted: Collection[str]) -> dict[str, tuple[Scope, ...]]:
    return {driver: scopes for driver, scopes in owed.items() if driver not in evicted}
