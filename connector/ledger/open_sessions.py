"""An open session as a row and back: its credential sealed, every column authenticated that does not change with each use.

A person who can write to the store can change when a session was used, and how often, and so whether it is idle.
"""

from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

from connector.ledger import authentication
from connector.ledger.credentials import packed, unpacked
from connector.ledger.fingerprints import share_of
from connector.ledger.keyring import Keyring, SealBroken
from connector.ledger.unverified import Unverified
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession

PURPOSE = "open session"
APART = "open session apart from its use"
"""The purpose of a code that leaves out the columns of `USE`. Older versions know only the other one, over all columns."""


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
USE = ("used_at", "unanswered", "used_tick", "calls")
"""The columns that change with each use."""
IMPOSSIBLE = 2**40
"""More than any tick, moment or number of calls."""
_lasting = itemgetter(*(COLUMNS.index(name) for name in COLUMNS if name not in {"id", "mac", *USE}))


def encoded(session: OpenSession, tick: int, keyring: Keyring, *, apart: bool) -> SessionRow:
    """Return the row for a session that is opened at a tick, made with the key of its seal.

    If that key is none of these, which opens no seal any more, or is not told, it is made with the current one. `apart` as in
    `authenticated`.
    """
    key_id = session.key_id if session.key_id in keyring.ids else keyring.current
    credential = session.credential
    sealed = None if credential is None else keyring.seal(PURPOSE, packed(credential), _identity(session), key_id=key_id)
    row = SessionRow(
        id=None,
        key_id=key_id,
        session_id=session.session_id,
        system_id=session.system_id,
        origin=session.origin,
        login_id=session.login_id,
        opened_at=float(session.opened_at),
        used_at=float(session.used_at),
        credential=sealed,
        version=session.version,
        share=share_of(session, keyring, key_id=key_id),
        unanswered=1,
        opened_tick=tick,
        used_tick=tick,
        seat=None if session.seat is None else session.seat.pool,
    )
    return authenticated(row, keyring, apart=apart)


def renewed(row: SessionRow, session: OpenSession, keyring: Keyring, *, apart: bool) -> SessionRow:
    """Return the row with the credential that the session has now, made with the key that the row names."""
    made = encoded(replace(session, key_id=row.key_id), row.opened_tick, keyring, apart=apart)
    changed = row._replace(credential=made.credential, version=made.version, share=made.share)
    return authenticated(changed, keyring, apart=apart)


def authenticated(row: SessionRow, keyring: Keyring, *, apart: bool) -> SessionRow:
    """Return the row with its authentication code by the key that it names: `apart` from its use, or over all columns.

    Raises:
        KeyMissing: the keyring does not have it.
    """
    # The id is not known yet when the code is made.
    if apart:
        return row._replace(mac=authentication.code(APART, _lasting(row), (), keyring, row.key_id))
    return row._replace(mac=authentication.code(PURPOSE, row[1:-1], EMPTY, keyring, row.key_id))


def verify(row: SessionRow, keyring: Keyring) -> bool:
    """Tell whether the row is authentic apart from its use. Otherwise that is authentic, too.

    Raises:
        KeyMissing: the keyring does not have the key that the row names.
        Unverified: a column is not as it was written.
    """
    with suppress(Unverified):
        authentication.verify(APART, _lasting(row), (), keyring, key_id=row.key_id, mac=row.mac)
        return _is_possible(row)
    authentication.verify(PURPOSE, row[1:-1], EMPTY, keyring, key_id=row.key_id, mac=row.mac)
    return False


def _is_possible(row: SessionRow) -> bool:
    """Return True if the use that a row tells can be reckoned with. Raises `Unverified`: a disk may have damaged it."""
    use = (row.used_at, row.unanswered, row.used_tick, row.calls)
    if [*map(type, use)] == [float, int, int, int] and all(0 <= number < IMPOSSIBLE for number in use):
        return True
    raise Unverified("nobody can have used it like that: it was altered or damaged")


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
        key_id=row.key_id,
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
