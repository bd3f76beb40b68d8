"""What a cleanup owes and what became of it, each within one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.cleanup import CleanupRequest
from connector.ledger.debts import Debt, LogoutState
from connector.ledger.errors import NoSuchDebt
from connector.ledger.rows import fingerprints
from connector.ledger.sessions import close_session, is_in_use
from connector.ledger.table import Table
from connector.outcomes import IN_USE_AGAIN, LogoutOutcome
from drivers import Scope

FURTHEST = 3600.0
"""Seconds: nothing is due later than this, so that a clock that jumped parks nothing."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a try; see `Ledger.settle`."""

    debt: Debt
    state: LogoutState | None
    """None leaves the logout as it is."""
    outcome: LogoutOutcome | None
    due_at: float
    waited: float
    evicted: Collection[str]


@dataclass(frozen=True, slots=True)
class Missed:
    """A cleanup that could not be recorded when it was received, and what is left of it."""

    request: CleanupRequest
    """With the logout's outcome as a foregone one, where that is done."""
    origin: str
    drivers: Sequence[str]
    """Those that could not evict."""
    received_at: float


def record(table: Table, request: CleanupRequest, *, origin: str, drivers: Sequence[str], now: float, due_at: float) -> Debt:
    """Write down what a cleanup owes, in the row of its login; the session is not open any more."""
    close_session(table, request.session_id, login_id=request.login_id, now=now)
    return _recorded(table, request, origin, dict.fromkeys(drivers, request.scopes), now=now, due_at=due_at)


def record_late(table: Table, missed: Missed, *, now: float) -> Debt:
    """Write down what is left of a cleanup that is over, due at once. What was opened since stays open, with its login."""
    request = missed.request
    close_session(table, request.session_id, login_id=request.login_id, now=now, opened_until=missed.received_at)
    if request.foregone is None and is_in_use(table, request):
        request = replace(request, foregone=IN_USE_AGAIN)
    return _recorded(table, request, missed.origin, dict.fromkeys(missed.drivers, request.scopes), now=now, due_at=now)


def settle(table: Table, settlement: Settlement, *, now: float) -> Debt | None:
    """Write down what became of a try; None if the row is gone."""
    for debt in table.debts("id = ?", settlement.debt.id):
        done = _logout_settled(debt, settlement)
        if debt.revision == settlement.debt.revision:
            done = replace(done, evictions=_without(done.evictions, settlement.evicted))
        return table.update(_closed_if_done(done, now))
    return None


def retry(table: Table, id_: int, *, now: float) -> Debt:
    """Make a logout that is owed or waits for a human due at once."""
    debt = _actionable(table, id_)
    return table.update(replace(debt, state=LogoutState.OWED, due_at=now, waited=0.0))


def dismiss(table: Table, id_: int, reason: str, *, now: float) -> None:
    """Close a logout that will not be done, or forget a row that cannot be acted upon."""
    unusable = [debt for debt in table.shown("id = ?", id_) if debt.unusable is not None]
    if table.delete("quarantine", id_) or (unusable and table.delete("debts", id_)):
        return
    debt = _actionable(table, id_)
    table.update(_closed_if_done(replace(debt, state=LogoutState.CLOSED, dismissed=reason), now))


def _recorded(
    table: Table, request: CleanupRequest, origin: str, owed: Mapping[str, tuple[Scope, ...]], *, now: float, due_at: float
) -> Debt:
    current = fingerprints(request.session_id, request.login_id, request.credential, table.keyring)[0]
    if known := table.of_login(request.session_id, request.login_id, request.credential):
        asked = _asked_again(replace(known[0], fingerprint=current), request, origin, owed, due_at)
        return table.update(_closed_if_foregone(asked, request.foregone, now))
    debt = Debt(
        id=0,
        session_id=request.session_id,
        system_id=request.system_id,
        origin=origin,
        fingerprint=current,
        login_id=request.login_id,
        evictions=owed,
        recorded_at=now,
        due_at=due_at,
        credential=request.credential,
    )
    return table.insert(_closed_if_foregone(debt, request.foregone, now))


def _actionable(table: Table, id_: int) -> Debt:
    for debt in table.debts("id = ?", id_):
        if debt.state is LogoutState.CLOSED:
            raise NoSuchDebt(f"the logout {id_} is closed")
        return debt
    raise NoSuchDebt(f"nothing that could be acted upon has the id {id_}")


def _asked_again(debt: Debt, request: CleanupRequest, origin: str, owed: Mapping[str, tuple[Scope, ...]], due_at: float) -> Debt:
    """Add what another cleanup of the same login owes. A closed logout stays closed, one that waits for a human is owed again."""
    asked = replace(
        debt,
        system_id=request.system_id or debt.system_id,
        origin=origin,
        evictions=_union(debt.evictions, owed),
        revision=debt.revision + 1,
        closed_at=None if owed else debt.closed_at,
    )
    if debt.state is LogoutState.CLOSED:
        return asked
    waited = 0.0 if debt.state is LogoutState.WAITING else debt.waited
    return replace(asked, state=LogoutState.OWED, due_at=due_at, waited=waited)


def _logout_settled(debt: Debt, settlement: Settlement) -> Debt:
    """Apply a try's outcome. One that began before a later cleanup asked again can close the logout, but not put it off."""
    if settlement.state is None:
        return debt
    tried = debt
    if settlement.outcome is not None:
        late = debt.state is LogoutState.CLOSED and not settlement.outcome.closes
        tried = replace(debt, attempts=debt.attempts + 1, outcome=debt.outcome if late else settlement.outcome)
    if debt.state is LogoutState.CLOSED:
        return tried
    if settlement.state is LogoutState.CLOSED:
        return replace(tried, state=LogoutState.CLOSED)
    if debt.revision != settlement.debt.revision:
        return tried
    return replace(tried, state=settlement.state, due_at=settlement.due_at, waited=settlement.waited)


def _closed_if_foregone(debt: Debt, outcome: LogoutOutcome | None, now: float) -> Debt:
    if outcome is None or debt.state is LogoutState.CLOSED:
        return debt
    return _closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=outcome), now)


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
