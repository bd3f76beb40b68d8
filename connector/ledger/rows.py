"""A debt as a row and back: the credential sealed, every column authenticated, nothing believed before it was verified."""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from connector.ledger import authentication
from connector.ledger.credentials import packed, unpacked
from connector.ledger.fingerprints import share_of
from connector.ledger.keyring import Keyring, SealBroken
from connector.ledger.texts import clean, decoded_evictions, decoded_outcome, encoded_evictions, encoded_outcome
from connector.ledger.unverified import Unverified
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.seat_pools import Seat

PURPOSE = "ledger"

Row = tuple[Any, ...]
"""The values of a row as they are written, in the order of its columns."""


class DebtRow(NamedTuple):
    """A row of debts as it was read. As long as it is not verified, any column may hold anything.

    The order of the columns is that in which the authentication code covers them: it stays.
    """

    id: int
    key_id: str
    session_id: str
    fingerprint: bytes
    system_id: str | None
    origin: str
    state: str
    outcome: str | None
    attempts: int
    waited: float
    evictions: str | None
    revision: int
    recorded_at: float
    due_at: float
    closed_at: float | None
    dismissed: str | None
    credential: bytes | None
    login_id: str
    version: int
    share: bytes | None
    seat: bytes | None
    """The digest of its pool; None if its login is not counted."""
    made_tick: int
    holds: int
    """Whether it holds the seat: 1 or 0."""
    mac: bytes


COLUMNS = DebtRow._fields
NAMES = ", ".join(COLUMNS)
EMPTY = (0, 0, None, None, 0, "")
"""What the columns hold that older versions lack, the last one first."""


def encoded(debt: Debt, keyring: Keyring) -> Row:
    """Return the row for a debt, made with the current key."""
    row = (
        debt.id,
        keyring.current,
        debt.session_id,
        debt.fingerprint,
        debt.system_id,
        debt.origin,
        str(debt.state),
        encoded_outcome(debt.outcome, debt.moved_to),
        debt.attempts,
        float(debt.waited),
        encoded_evictions(debt.evictions),
        debt.revision,
        float(debt.recorded_at),
        float(debt.due_at),
        None if debt.closed_at is None else float(debt.closed_at),
        debt.dismissed and clean(debt.dismissed),
        None if debt.credential is None else keyring.seal(PURPOSE, packed(debt.credential), _identity(debt)),
        debt.login_id,
        debt.version,
        share_of(debt, keyring, key_id=keyring.current),
        *((debt.seat.pool, debt.seat.since, int(debt.seat.is_held)) if debt.seat else (None, 0, 0)),
    )
    return (*row, authentication.code(PURPOSE, row, EMPTY, keyring, keyring.current))


def decoded(row: DebtRow, keyring: Keyring, *, needs_credential: Callable[[Debt], bool] = lambda _: True) -> Debt:
    """Return the debt that a row holds, with its credential if it needs one, which is asked of the debt without it.

    Raises:
        KeyMissing: the row was made with a key that is not in the keyring, or claims so.
        Unverified: some column is not as it was written, or is nothing that this version knows how to read.
    """
    verify(row, keyring)
    try:
        return _read(row, keyring, needs_credential)
    except (ValueError, LookupError, TypeError) as problem:
        raise Unverified(f"it cannot be read: {type(problem).__name__}") from None  # the error itself may hold a credential


def _read(row: DebtRow, keyring: Keyring, needs_credential: Callable[[Debt], bool]) -> Debt:
    last, moved_to = (None, None) if row.outcome is None else decoded_outcome(row.outcome)
    debt = Debt(
        id=row.id,
        session_id=row.session_id,
        system_id=row.system_id,
        origin=row.origin,
        fingerprint=row.fingerprint,
        login_id=row.login_id,
        state=LogoutState(row.state),
        outcome=last,
        attempts=row.attempts,
        waited=row.waited,
        evictions={} if row.evictions is None else decoded_evictions(row.evictions),
        revision=row.revision,
        recorded_at=row.recorded_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
        dismissed=row.dismissed,
        moved_to=moved_to,
        version=row.version,
        is_shared=row.share is not None,
        seat=None if row.seat is None else Seat(row.seat, row.made_tick, row.holds == 1),
    )
    if row.credential is None or not needs_credential(debt):
        return debt
    return replace(debt, credential=_unsealed(row.credential, debt, keyring))


def verify(row: DebtRow, keyring: Keyring) -> None:
    """Raise `KeyMissing` or `Unverified` unless every column is as it was written."""
    authentication.verify(PURPOSE, row[:-1], EMPTY, keyring, key_id=row.key_id, mac=row.mac)


def _unsealed(sealed: bytes, debt: Debt, keyring: Keyring) -> Credential:
    try:
        return unpacked(keyring.unseal(PURPOSE, sealed, _identity(debt)))
    except SealBroken as problem:
        raise Unverified(f"its credential does not unseal: {problem}") from problem


def _identity(debt: Debt) -> bytes:
    """What of a debt never changes as long as it has a credential; its id is not known yet when the credential is sealed."""
    return debt.session_id.encode() + debt.fingerprint
