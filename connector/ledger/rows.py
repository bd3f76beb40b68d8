"""A debt as a row and back: the credential sealed, every column authenticated, nothing believed before it was verified."""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from connector.ledger.credentials import packed, unpacked
from connector.ledger.keyring import Keyring, SealBroken
from connector.ledger.texts import clean, decoded_evictions, decoded_outcome, encoded_evictions, encoded_outcome
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.errors import ConnectorError

COLUMNS = (
    "id",
    "key_id",
    "session_id",
    "fingerprint",
    "system_id",
    "origin",
    "state",
    "outcome",
    "attempts",
    "waited",
    "evictions",
    "revision",
    "recorded_at",
    "due_at",
    "closed_at",
    "dismissed",
    "credential",
    "login_id",
    "mac",
)
NAMES = ", ".join(COLUMNS)
PURPOSE = "ledger"

Row = tuple[Any, ...]


class Unverified(ConnectorError):
    """The row is not what this process, or one with the same keys, has written."""


def fingerprints(session_id: str, login_id: str, credential: Credential, keyring: Keyring) -> list[bytes]:
    """Return the digest of a login by each of the keys, the current one first. Sessions of one credential do not show as such."""
    values = (session_id, packed(credential), login_id) if login_id else (session_id, packed(credential))
    message = msgspec.msgpack.encode(values)
    return [keyring.mac("fingerprint", message, key_id=key_id) for key_id in keyring.ids]


def fitted(debt: Debt, keyring: Keyring) -> Debt:
    """Return the debt with the fingerprint by the current key, as long as its credential is there to make it of."""
    if debt.credential is None:
        return debt
    return replace(debt, fingerprint=fingerprints(debt.session_id, debt.login_id, debt.credential, keyring)[0])


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
    )
    return (*row, keyring.mac(PURPOSE, _canonical(row)))


def decoded(row: Row, keyring: Keyring, *, credential: bool = True) -> Debt:
    """Return the debt that a row holds, with its credential if that is asked for.

    Raises:
        KeyMissing: the row was made with a key that is not in the keyring, or claims so.
        Unverified: some column is not as it was written, or is nothing that this version knows how to read.
    """
    verify(row, keyring)
    try:
        return _read(row, keyring, credential=credential)
    except (ValueError, LookupError, TypeError) as problem:
        raise Unverified(f"it cannot be read: {type(problem).__name__}") from None  # the error itself may hold a credential


def _read(row: Row, keyring: Keyring, *, credential: bool) -> Debt:
    (id_, _, session_id, fingerprint, system_id, origin, state, outcome, attempts, waited, evictions, *rest) = row
    revision, recorded_at, due_at, closed_at, dismissed, sealed, login_id, _ = rest
    last, moved_to = (None, None) if outcome is None else decoded_outcome(outcome)
    debt = Debt(
        id=id_,
        session_id=session_id,
        system_id=system_id,
        origin=origin,
        fingerprint=fingerprint,
        login_id=login_id,
        state=LogoutState(state),
        outcome=last,
        attempts=attempts,
        waited=waited,
        evictions={} if evictions is None else decoded_evictions(evictions),
        revision=revision,
        recorded_at=recorded_at,
        due_at=due_at,
        closed_at=closed_at,
        dismissed=dismissed,
        moved_to=moved_to,
    )
    return replace(debt, credential=_unsealed(sealed, debt, keyring)) if credential and sealed is not None else debt


def verify(row: Row, keyring: Keyring) -> None:
    """Raise `KeyMissing` or `Unverified` unless every column is as it was written."""
    *values, mac = row
    key_id = row[1] if isinstance(row[1], str) else ""
    try:
        right = hmac.compare_digest(keyring.mac(PURPOSE, _canonical(values), key_id=key_id), mac)
    except (TypeError, UnicodeEncodeError):
        right = False
    if not right:
        raise Unverified("its authentication code is wrong: it was altered or damaged")


def claimed(row: Row, reason: str) -> Debt:
    """Return what a row that is not to be believed says of itself, made fit to be shown: nothing to act upon."""
    values = dict(zip(COLUMNS, row, strict=True))
    return Debt(
        id=int(values["id"]),
        session_id=shown(values["session_id"]) or "",
        system_id=shown(values["system_id"]),
        origin=shown(values["origin"]) or "",
        fingerprint=b"",
        state=LogoutState.WAITING,
        recorded_at=values["recorded_at"] if isinstance(values["recorded_at"], float) else 0.0,
        unusable=reason,
    )


def shown(value: Any) -> str | None:
    """Return a value of unknown origin as at most 200 printable ASCII characters; text that is such already stays as it is."""
    if value is None:
        return None
    text = value[:200] if isinstance(value, str) else type(value).__name__
    return "".join([sign if " " <= sign <= "~" else sign.encode("unicode_escape").decode() for sign in text])[:200]


def lenient_text(raw: bytes) -> str:
    """Read text that may be damaged, so that it is found out by verifying and not by an error of SQLite's."""
    return raw.decode("utf-8", "surrogateescape")


def _unsealed(sealed: bytes, debt: Debt, keyring: Keyring) -> Credential:
    try:
        return unpacked(keyring.unseal(PURPOSE, sealed, _identity(debt)))
    except SealBroken as problem:
        raise Unverified(f"its credential does not unseal: {problem}") from problem


def _identity(debt: Debt) -> bytes:
    """What of a debt never changes as long as it has a credential; its id is not known yet when the credential is sealed."""
    return debt.session_id.encode() + debt.fingerprint


def _canonical(values: Sequence[Any]) -> bytes:
    """Encode the columns so that no two rows give the same bytes: each value with its type and its length.

    A login without an id leaves no trace, so that rows of version 2, which knew of none, verify as they are.
    """
    *others, login_id = values
    return msgspec.msgpack.encode(others if login_id == "" else values)
