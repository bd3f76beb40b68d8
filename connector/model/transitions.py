"""What becomes of a debt: asked for again, settled, closed, held back, revived. Rules over values, whatever keeps them."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import IN_USE_AGAIN, NO_LOGIN, OVER_BEFORE, SHARED, USED_BY_OTHERS, WITHOUT_ASKING, LogoutOutcome
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession
from drivers import Scope


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
    seat: Seat | None = None
    """That of the login, if the ledger has it as open."""


def new(asked: Asked, fingerprint: bytes) -> Debt:
    """Return the debt of a login for which no cleanup has asked before."""
    request = asked.request
    debt = Debt(
        id=0,
        session_id=request.session_id,
        system_id=request.system_id,
        origin=asked.origin,
        fingerprint=fingerprint,
        login_id=request.login_id,
        evictions=_owed(asked),
        recorded_at=asked.now,
        due_at=asked.due_at,
        credential=request.credential,
        version=request.version,
        is_shared=request.is_shared,
        seat=asked.seat,
    )
    return _closed_if_foregone(debt, asked)


def asked_again(debt: Debt, asked: Asked, fingerprint: bytes) -> Debt:
    """Add what another cleanup of the same login owes. A closed logout stays closed, one that needs attention is owed again.

    Wherever that cleanup would send it, the login is of the end system that the row names. If that cleanup knows the outcome
    without asking the end system, that is no outcome of a logout that is still to be done. Nor is that of an older credential.
    """
    again = _joined(debt, asked, fingerprint)
    says_nothing = asked.request.foregone in WITHOUT_ASKING or asked.request.version < debt.version
    return again if says_nothing else _closed_if_foregone(again, asked)


def due_at_once(debt: Debt, now: float, *, here: str | None = None) -> Debt:
    """Return the debt as one to be tried now; `here` is another place where it may be sent from now on."""
    return replace(debt, state=LogoutState.OWED, due_at=now, waited=0.0, moved_to=here or debt.moved_to)


def dismissed(debt: Debt, reason: str, now: float) -> Debt:
    """Close a logout that nobody will do."""
    return closed_if_done(replace(debt, state=LogoutState.CLOSED, dismissed=reason), now)


def held_or_let_go(debt: Debt, held: LogoutOutcome | None, now: float) -> Debt:
    """Hold a debt back with the reason `held`; without one, make it due."""
    if held is not None:
        return replace(debt, state=LogoutState.WAITING, outcome=held)
    return replace(debt, state=LogoutState.OWED, outcome=None, due_at=now, waited=0.0)


def revived(debt: Debt, now: float) -> Debt:
    """Close the logout of a login that is in use again: its end system has handed out the same credential once more."""
    return closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=IN_USE_AGAIN), now)


def renewed(debt: Debt, credential: Credential, now: float, *, version: int) -> Debt:
    """Owe a login by a later version of the debt's credential, due at once.

    A closed logout has ended an older credential, which may not have ended the login. So it is owed again, unless there was
    nothing to ask the end system, or others use the login.
    """
    if debt.outcome in WITHOUT_ASKING | USED_BY_OTHERS:
        return debt
    return replace(
        due_at_once(debt, now),
        credential=credential,
        version=version,
        outcome=None,
        closed_at=None,
        dismissed=None,
        seat=debt.seat and replace(debt.seat, is_held=True),
    )


def over_before(debt: Debt, now: float) -> Debt:
    """Close the logout of a login that has ended already: its seat is free, whatever another try has found since."""
    if debt.state is LogoutState.CLOSED and not debt.is_unproved:
        return debt
    return closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=OVER_BEFORE), now)


def given_back(debt: Debt) -> Debt:
    """Return a debt that holds no seat: its login has ended by itself, whatever became of the logout."""
    return debt if debt.seat is None else replace(debt, seat=replace(debt.seat, is_held=False))


def as_known(request: CleanupRequest, ended: OpenSession, *, has_sharers: bool) -> CleanupRequest:
    """Return a cleanup by what is known of its login: a newer credential, or that other sessions have the login as well.

    If its logout was done with an older credential, that says nothing of the newer one.
    """
    if request.foregone in WITHOUT_ASKING or (request.foregone is not None and ended.version <= request.version):
        return request
    if ended.credential is None:
        return replace(request, foregone=NO_LOGIN) if not request.credential else request
    known = replace(request, is_shared=ended.is_shared, foregone=SHARED if has_sharers else None)
    if ended.version <= request.version:
        return known
    return replace(known, credential=ended.credential, version=ended.version)


def _owed(asked: Asked) -> dict[str, tuple[Scope, ...]]:
    return dict.fromkeys(asked.drivers, asked.request.scopes)


def _joined(debt: Debt, asked: Asked, fingerprint: bytes) -> Debt:
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
    if debt.credential == asked.request.credential and asked.request.credential.proved:
        more = replace(more, credential=asked.request.credential)
    waited = 0.0 if debt.state is LogoutState.WAITING else debt.waited
    again = replace(more, state=LogoutState.OWED, outcome=None, due_at=asked.due_at, waited=waited)
    if asked.request.version > debt.version:
        return replace(again, credential=asked.request.credential, version=asked.request.version)
    return again


def _closed_if_foregone(debt: Debt, asked: Asked) -> Debt:
    if asked.request.foregone is None or debt.state is LogoutState.CLOSED:
        return debt
    return closed_if_done(replace(debt, state=LogoutState.CLOSED, outcome=asked.request.foregone), asked.now)


def closed_if_done(debt: Debt, now: float) -> Debt:
    """Erase the credential of a logout that is closed, give its seat back, and close the row if it owes nothing else."""
    if debt.state is not LogoutState.CLOSED:
        return debt
    closed_at = (debt.closed_at or now) if debt.owes_nothing else None
    closed = replace(debt, credential=None, closed_at=closed_at)
    return closed if debt.is_unproved else given_back(closed)


def _union(owed: Mapping[str, tuple[Scope, ...]], more: Mapping[str, tuple[Scope, ...]]) -> dict[str, tuple[Scope, ...]]:
    return {driver: (*dict.fromkeys((*owed.get(driver, ()), *more.get(driver, ()))),) for driver in {**owed, **more}}
