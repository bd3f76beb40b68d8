"""An open session as a row and back: its credential sealed, every column authenticated, as with debts."""

import hmac

import msgspec

from connector.ledger.credentials import packed, unpacked
from connector.ledger.keyring import Keyring, SealBroken
from connector.ledger.rows import Row, Unverified
from connector.model.sessions import OpenSession

COLUMNS = ("id", "key_id", "session_id", "system_id", "origin", "login_id", "opened_at", "used_at", "credential", "mac")
NAMES = ", ".join(COLUMNS)
PURPOSE = "open session"


def encoded(session: OpenSession, keyring: Keyring) -> Row:
    """Return the row for a session, but its id, made with the current key, which is also that of the session's seal."""
    sealed = None if session.credential is None else keyring.seal(PURPOSE, packed(session.credential), _identity(session))
    return authenticated(
        (
            keyring.current,
            session.session_id,
            session.system_id,
            session.origin,
            session.login_id,
            float(session.opened_at),
            float(session.used_at),
            sealed,
        ),
        keyring,
    )


def authenticated(values: Row, keyring: Keyring) -> Row:
    """Return the values, without the id, and their authentication code by the key that they name. Raises `KeyMissing`."""
    return (*values, keyring.mac(PURPOSE, msgspec.msgpack.encode(values), key_id=values[0]))


def verify(row: Row, keyring: Keyring) -> None:
    """Raise `KeyMissing` or `Unverified` unless every column but the id is as it was written."""
    _, *values, mac = row
    key_id = row[1] if isinstance(row[1], str) else ""
    try:
        right = hmac.compare_digest(keyring.mac(PURPOSE, msgspec.msgpack.encode(values), key_id=key_id), mac)
    except (TypeError, UnicodeEncodeError):
        right = False
    if not right:
        raise Unverified("its authentication code is wrong: it was altered or damaged")


def decoded(row: Row, keyring: Keyring) -> OpenSession:
    """Return the session that a row holds. Raises `KeyMissing` or `Unverified`."""
    verify(row, keyring)
    _, _, session_id, system_id, origin, login_id, opened_at, used_at, sealed, _ = row
    session = OpenSession(session_id, system_id, origin, login_id, opened_at, used_at)
    if sealed is None:
        return session
    try:
        credential = unpacked(keyring.unseal(PURPOSE, sealed, _identity(session)))
    except SealBroken as problem:
        raise Unverified(f"its credential does not unseal: {problem}") from problem
    except ValueError:
        raise Unverified("its credential cannot be read") from None  # the error holds the credential
    return OpenSession(session_id, system_id, origin, login_id, opened_at, used_at, credential)


def _identity(session: OpenSession) -> bytes:
    return f"{session.session_id} {session.login_id}".encode()
