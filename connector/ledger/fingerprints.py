"""What tells one login from another without showing its credential: a keyed digest."""

import msgspec
from msgspec.structs import replace

from connector.ledger.credentials import identity
from connector.ledger.keyring import Keyring
from connector.model.begun import Opening
from connector.model.credential import Credential
from connector.model.debts import Debt
from connector.model.sessions import OpenSession

POOL_BYTES = 16
"""Length of a pool's digest, which only has to tell it from others."""
KEY_BYTES = 16
"""Length of a key's digest."""


def fingerprints(session_id: str, login_id: str, credential: Credential, keyring: Keyring) -> list[bytes]:
    """Return the digest of a login by each of the keys, the current one first. Sessions of one credential do not show as such."""
    values = (session_id, identity(credential), login_id) if login_id else (session_id, identity(credential))
    message = msgspec.msgpack.encode(values)
    return [keyring.mac("fingerprint", message, key_id=key_id) for key_id in keyring.ids]


def of_keys(keyring: Keyring, *, first: str | None = None) -> tuple[bytes, ...]:
    """Return the digest of each of the keys, the current one `first`: who has the same key under the same id has the same one."""
    ids = keyring.ids if first is None else (first, *(key_id for key_id in keyring.ids if key_id != first))
    return tuple(keyring.mac("key", key_id.encode(), key_id=key_id)[:KEY_BYTES] for key_id in ids)


def shown_keys(keyring: Keyring) -> dict[str, str]:
    """Return the ids of the keys, the current one first, each with its digest in hexadecimal."""
    return dict(zip(keyring.ids, (digest.hex() for digest in of_keys(keyring)), strict=True))


def shares(credential: Credential, keyring: Keyring) -> list[bytes]:
    """Return the digest of a credential alone by each of the keys, the current one first: equal ones show as such."""
    message = identity(credential)
    return [keyring.mac("shared login", message, key_id=key_id) for key_id in keyring.ids]


def share_of(login: Debt | OpenSession, keyring: Keyring, *, key_id: str) -> bytes | None:
    """Return what the row of a shared login shows of its credential, by the key of that row; None for any other login."""
    if not login.is_shared or login.credential is None:
        return None
    return keyring.mac("shared login", identity(login.credential), key_id=key_id)


def pools(name: str, keyring: Keyring) -> list[bytes]:
    """Return the digest of the name of a seat pool by each of the keys, the current one first."""
    return [keyring.mac("seat pool", name.encode("utf-8", "surrogatepass"), key_id=key_id)[:POOL_BYTES] for key_id in keyring.ids]


def pool_of(opening: Opening, keyring: Keyring) -> bytes | None:
    """Return what the row of an opening shows of its pool; None if its login is not counted."""
    return None if opening.pool is None else pools(opening.pool, keyring)[0]


def fitted(debt: Debt, keyring: Keyring) -> Debt:
    """Return the debt with the fingerprint by the current key, as long as its credential is there to make it of."""
    if debt.credential is None:
        return debt
    return replace(debt, fingerprint=fingerprints(debt.session_id, debt.login_id, debt.credential, keyring)[0])
