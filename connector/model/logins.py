"""What becomes of logins that no session uses any more. Rules over values, whatever keeps them."""

from collections.abc import Sequence
from secrets import token_bytes

from msgspec.structs import replace

from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import NO_LOGIN
from connector.model.sessions import OpenSession
from drivers import SessionScope


def owed_login(session: OpenSession, fingerprint: bytes, now: float, due_at: float) -> Debt:
    """Return what is owed for a login."""
    return Debt(
        id=0,
        session_id=session.session_id,
        system_id=session.system_id,
        origin=session.origin,
        fingerprint=fingerprint,
        login_id=session.login_id,
        recorded_at=now,
        due_at=due_at,
        credential=session.credential,
        version=session.version,
        is_shared=session.is_shared,
        seat=session.seat,
    )


def dead_seal(session: OpenSession, fingerprint: bytes, now: float) -> Debt:
    """Return what says that the seal of a session is dead although it has no login to end: another process may have its row."""
    debt = owed_login(session, fingerprint, now, now)
    return replace(debt, state=LogoutState.CLOSED, outcome=NO_LOGIN, credential=None, closed_at=now, seat=None)


def owed_eviction(session: OpenSession, fingerprint: bytes, drivers: Sequence[str], now: float) -> Debt:
    """Return the eviction of what a session has cached until it was opened anew: its login may be owed or not."""
    return Debt(
        id=0,
        session_id=session.session_id,
        system_id=session.system_id,
        origin="",
        fingerprint=fingerprint,
        state=LogoutState.CLOSED,
        evictions=dict.fromkeys(drivers, (SessionScope(session.session_id, session.system_id),)),
        recorded_at=now,
        due_at=now,
    )


def set_aside(debt: Debt) -> Debt:
    """Return a closed debt as one that nobody finds who looks for its login."""
    return replace(debt, login_id="", fingerprint=token_bytes(len(debt.fingerprint)), seat=None)


def is_in_use(login: OpenSession | Debt, credential: Credential | None, origin: str) -> bool:
    """Tell whether a login has this credential at this origin: some end systems hand out one credential twice."""
    return (login.credential, login.origin) == (credential, origin)
