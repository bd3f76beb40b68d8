"""Secret keys by id: sealing, authenticating, and nothing that shows them.

Every use has a purpose, and every purpose a key of its own (HKDF). So nothing that was made for one passes for another.
"""

import hmac
from collections.abc import Collection, Mapping
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes

from connector.model.errors import ConnectorError

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"


class KeyMissing(ConnectorError):
    """The key that this was made with is not in the keyring; `key_id` names it."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {ascii(key_id)[1:-1]} is not in the keyring")
        self.key_id = key_id


class SealBroken(ConnectorError):
    """This was altered, made for another purpose or other associated data, or is no seal at all."""


class Keyring:
    """Keys by id: the first makes whatever is new, all of them open what is old. Silent when printed.

    While it is in use, keys are added, promoted and retired between two transactions of the ledger. Whoever goes through the
    ids on the event loop can use each of them, because a key that was retired is forgotten there, by a step of its own.
    """

    __slots__ = ("_derived", "_secrets", "ids")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.ids = tuple(keys)
        """The first is the current one."""
        self._secrets = secrets = dict(keys)
        self._derived = lru_cache(maxsize=256)(lambda key_id, use: _derive(secrets[key_id], use))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    @property
    def current(self) -> str:
        """The id of the key that makes whatever is new."""
        return self.ids[0]

    def add_from(self, newer: "Keyring") -> None:
        """Add the keys of another keyring whose ids are not here, so that they open what others make with them."""
        for key_id in newer.ids:
            self._secrets.setdefault(key_id, newer._secrets[key_id])  # noqa: SLF001 - of this class
        self.ids = (*self.ids, *(key_id for key_id in newer.ids if key_id not in self.ids))

    def promote(self, key_id: str) -> None:
        """Let a key that is here make whatever is new; the others open what they have made."""
        self.ids = (key_id, *(other for other in self.ids if other != key_id))

    def retire(self, key_ids: Collection[str]) -> None:
        """Take keys out, none of them the current one; they are in memory until `forget_retired`."""
        self.ids = tuple(key_id for key_id in self.ids if key_id not in key_ids)

    def forget_retired(self) -> None:
        """Keep nothing of keys that were retired."""
        for key_id in self._secrets.keys() - {*self.ids}:
            del self._secrets[key_id]
        self._derived.cache_clear()

    def seal(self, purpose: str, plaintext: bytes, associated: bytes = b"", *, key_id: str | None = None) -> bytes:
        """Encrypt and authenticate with a key (None: the current one). Raises `KeyMissing`.

        `associated` is authenticated only, and needed again to unseal. ChaCha20-Poly1305 with a random nonce: good for 2**32
        seals by one key for one purpose.
        """
        key_id = key_id or self.current
        name = key_id.encode()
        head = FORMAT + bytes([len(name)]) + name
        nonce = token_bytes(NONCE_BYTES)
        from connector.ledger.sealing import encrypted

        key = self._use(key_id, f"seal {purpose}")
        return head + nonce + encrypted(key, nonce, plaintext, head + associated)

    def unseal(self, purpose: str, sealed: bytes, associated: bytes = b"") -> bytes:
        """Return what was sealed.

        Raises:
            KeyMissing: the key is none of these.
            SealBroken: whatever else is wrong.
        """
        end = 2 + sealed[1] if len(sealed) > 2 and sealed[:1] == FORMAT else len(sealed)
        head, nonce, text = sealed[:end], sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :]
        if not text:
            raise SealBroken("this is no seal")
        key = self._use(head[2:].decode("ascii", "replace"), f"seal {purpose}")
        from connector.ledger.sealing import decrypted

        plaintext = decrypted(key, nonce, text, head + associated)
        if plaintext is None:
            raise SealBroken("this was altered, or sealed for something else")
        return plaintext

    def mac(self, purpose: str, message: bytes, *, key_id: str | None = None) -> bytes:
        """Return 32 bytes that only a holder of the key (None: the current one) can make: HMAC-SHA256. Raises `KeyMissing`."""
        return hmac.digest(self._use(key_id or self.current, f"mac {purpose}"), message, sha256)

    def _use(self, key_id: str, use: str) -> bytes:
        try:
            return self._derived(key_id, use)
        except KeyError:
            raise KeyMissing(key_id) from None


def _derive(secret: bytes, use: str) -> bytes:
    # HKDF (RFC 5869) with SHA-256, no salt, and as many bytes as one block has.
    pseudorandom = hmac.digest(bytes(KEY_BYTES), secret, sha256)
    return hmac.digest(pseudorandom, f"opshub-connector {use}\x01".encode(), sha256)
