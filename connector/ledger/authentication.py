"""The code that authenticates a row: over its columns, by the key that it names."""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from connector.ledger.keyring import Keyring
from connector.ledger.texts import without_trace
from connector.ledger.unverified import Unverified


def code(purpose: str, values: Sequence[Any], empty: Sequence[object], keyring: Keyring, key_id: str) -> bytes:
    """Return the code over these columns. Raises `KeyMissing`.

    No two rows give the same bytes, because each value is encoded with its type and its length. Columns that are `empty` at the
    end leave no trace, so that rows of older versions, which lacked them, verify as they are.
    """
    return keyring.mac(purpose, msgspec.msgpack.encode(without_trace(values, empty)), key_id=key_id)


def verify(purpose: str, values: Sequence[Any], empty: Sequence[object], keyring: Keyring, *, key_id: object, mac: Any) -> None:
    """Raise `KeyMissing` or `Unverified` unless the columns are as they were written. Any of them may hold anything."""
    try:
        right = hmac.compare_digest(code(purpose, values, empty, keyring, key_id if isinstance(key_id, str) else ""), mac)
    except (TypeError, UnicodeEncodeError):
        right = False
    if not right:
        raise Unverified("its authentication code is wrong: it was altered or damaged")
