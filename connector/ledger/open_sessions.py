"""An open session as a row and back: its credential sealed, every column authenticated, as with debts."""

from dataclasses import replace
from typing import NamedTuple

from connector.ledger import authentication
from connector.ledger.credentials import packed, unpacked
from connector.ledger.fingerprints import share_of
from connector.ledger.keyring import Keyring, SealBroken
from connector.ledger.unverified import Unverified
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession

PURPOSE = "open session"


class SessionRow(NamedTuple):
    """A row of open sessions. As long as it is not verified, any column may hold anything.

    The order of the columns is that in which the authentication code covers them: it stays.
    """

    id: int | None
    """None if the row is not yet written."""
    key_id: str
    session_id: str
    system_id: str | None
    origin: str
    login_id: str
    opened_at: float
    used_at: float
    credential: bytes | None
    version: int = 0
    share: bytes | None = None
    unanswered: int = 0
    """Whether it is unknown that OpsHub was given the seal: 1 or 0. No session of an older version is."""
    opened_tick: int = 0
    used_tick: int = 0
    calls: int = 0
    """How many were noted."""
    seat: bytes | None = None
    """The digest of its pool; None if its login is not counted."""
    mac: bytes = b""


COLUMNS = SessionRow._fields
NAMES = ", ".join(COLUMNS)
EMPTY = (None, 0, 0, 0, 0, None, 0)
"""What the columns hold that older versions lack, the last one first."""


def encoded(session: OpenSession, tick: int, keyring: Keyring) -> SessionRow:
    """Return the row for a session that is opened at a tick, made with the current key, which is that of the session's seal."""
    sealed = None if session.credential is None else keyring.seal(PURPOSE, packed(session.credential), _identity(session))
    row = SessionRow(
        id=None,
        key_id=keyring.current,
        session_id=session.session_id,
        system_id=session.system_id,
        origin=session.origin,
        login_id=session.login_id,
        opened_at=float(session.opened_at),
        used_at=float(session.used_at),
        credential=sealed,
        version=session.version,
        share=share_of(session, keyring),
        unanswered=1,
        opened_tick=tick,
        used_tick=tick,
        seat=None if session.seat is None else session.seat.pool,
    )
    return authenticated(row, keyring)


def renewed(row: SessionRow, session: OpenSession, keyring: Keyring) -> SessionRow:
    """Return the row with the credential that the session has now. It still names the key of the session's seal."""
    made = encoded(session, row.opened_tick, keyring)
    return authenticated(row._replace(credential=made.credential, version=made.version, share=made.share), keyring)


def authenticated(row: SessionRow, keyring: Keyring) -> SessionRow:
    """Return the row with its authentication code by the key that it names. Raises `KeyMissing`."""
    return row._replace(mac=authentication.code(PURPOSE, row[1:-1], EMPTY, keyring, row.key_id))


def verify(row: SessionRow, keyring: Keyring) -> None:
    """Raise `KeyMissing` or `Unverified` unless every column but the id is as it was written."""
    # The id is not known yet when the code is made.
    authentication.verify(PURPOSE, row[1:-1], EMPTY, keyring, key_id=row.key_id, mac=row.mac)


def decoded(row: SessionRow, keyring: Keyring) -> OpenSession:
    """Return the session that a row holds. Raises `KeyMissing` or `Unverified`."""
    verify(row, keyring)
    session = OpenSession(
        row.session_id,
        row.system_id,
        row.origin,
        row.login_id,
        row.opened_at,
        row.used_at,
        version=row.version,
        is_shared=row.share is not None,
        seat=None if row.seat is None else Seat(row.seat, row.opened_tick),
    )
    if row.credential is None:
        return session
    try:
        credential = unpacked(keyring.unseal(PURPOSE, row.credential, _identity(session)))
    except SealBroken as problem:
        raise Unverified(f"its credential does not unseal: {problem}") from problem
    except ValueError:
        raise Unverified("its credential cannot be read") from None  # the error holds the credential
    return replace(session, credential=credential)


def _identity(session: OpenSession) -> bytes:
    return f"{session.session_id} {session.login_id}".encode()
