"""What becomes of a debt when a try of it has ended. Rules over values, whatever keeps them."""

from collections.abc import Collection, Mapping

import msgspec
from msgspec.structs import replace

from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.transitions import closed_if_done
from drivers import Scope

FURTHEST = 3600.0
"""Seconds: nothing is due later than this, so that a clock that jumped parks nothing."""


class Settlement(msgspec.Struct, frozen=True):
    """What became of a try; see `Ledger.settle`."""

    debt: Debt
    state: LogoutState | None
    """None leaves the logout as it is."""
    outcome: LogoutOutcome | None
    due_at: float | None
    waited: float | None
    evicted: Collection[str]
    now: float
    releases: bool = False
    """Whether the try is over."""
    is_late: bool = False
    """Whether its claim was lost meanwhile, so that another owner may try the debt by now."""


def settled(debt: Debt, settlement: Settlement) -> Debt:
    """Apply what became of a try. Its evictions do not count if a cleanup has asked again since it began.

    To apply it again changes nothing: a try is numbered by those before it, and counts once.
    """
    done = _logout_settled(debt, settlement)
    if debt.revision == settlement.debt.revision:
        done = replace(done, evictions=_without(done.evictions, settlement.evicted))
    return closed_if_done(done, settlement.now)


def leaves_nothing(settlement: Settlement) -> bool:
    """Tell whether nobody will ask again what became of a cleanup.

    All is evicted, there was never anything to log out of, and no seal says that its session is alive.
    """
    debt = settlement.debt
    none_made = debt.outcome is not None and debt.outcome.result is LogoutResult.NOT_APPLICABLE and debt.dismissed is None
    return none_made and not debt.login_id and debt.evictions.keys() <= {*settlement.evicted}


def _logout_settled(debt: Debt, settlement: Settlement) -> Debt:
    """Apply a try's outcome. One that began before a later cleanup asked again can close the logout, but not put it off.

    Nor can one whose claim was lost: another try may have begun.
    """
    if settlement.state is None or (settlement.is_late and settlement.state is not LogoutState.CLOSED):
        return debt
    tried = _tried(debt, settlement)
    if debt.state is LogoutState.CLOSED:
        return tried
    if debt.version != settlement.debt.version:
        # The end system was asked to end a credential that it has replaced meanwhile: its answer says nothing of the new one.
        return replace(tried, outcome=None, due_at=settlement.now)
    if settlement.state is LogoutState.CLOSED:
        return replace(tried, state=LogoutState.CLOSED)
    if debt.revision != settlement.debt.revision:
        return tried
    due_at = settlement.debt.due_at if settlement.due_at is None else settlement.due_at
    waited = settlement.debt.waited if settlement.waited is None else settlement.waited
    return replace(tried, state=settlement.state, due_at=min(due_at, settlement.now + FURTHEST), waited=waited)


def _tried(debt: Debt, settlement: Settlement) -> Debt:
    """Note what the end system said. A failure that comes after the logout was closed is not its outcome."""
    if (outcome := settlement.outcome) is None:
        return debt
    late = debt.state is LogoutState.CLOSED and not outcome.closes
    number = settlement.debt.attempts + (outcome.result is not LogoutResult.HELD)
    return replace(debt, attempts=max(debt.attempts, number), outcome=debt.outcome if late else outcome)


def _without(owed: Mapping[str, tuple[Scope, ...]], evicted: Collection[str]) -> dict[str, tuple[Scope, ...]]:
    return {driver: scopes for driver, scopes in owed.items() if driver not in evicted}
