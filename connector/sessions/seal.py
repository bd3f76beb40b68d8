"""The seal: the header by which a caller owns a session. Any process with the keys can log out with it."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from connector.ledger.credentials import packed, unpacked
from connector.ledger.keyring import KeyMissing, Keyring, SealBroken
from connector.model.credential import Credential
from connector.model.errors import UnknownSession
from connector.model.headers import SEAL

HEADER = SEAL
PURPOSE = "session"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a seal holds."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    login_id: str
    ledger_id: bytes
    """The ledger in which the session was opened. Only that one knows whether it still is."""
    credential: Credential | None
    """What logs the session out; None if no login was made."""
    origin: str | None = None
    """The place where the login was made, as in a debt; None in a seal of an older version."""
    static: bool = False
    """Whether the credential cannot be logged out, because its end system ends no sessions."""
    opened_at: float | None = None
    """When the login was made, in seconds since the epoch; None in a seal of an older version."""
    settings: Mapping[str, str] | None = field(default=None, repr=False)
    """What a handler finds in `session.settings`; None if the server that made the seal has handed on nothing."""

    @property
    def has_login(self) -> bool:
        """Whether there is something to log out of."""
        return self.credential is not None and not self.static


class _Payload(msgspec.Struct, array_like=True, frozen=True):
    """Fields may be added at the end only: each version reads the seals of every other one."""

    format: int
    session_id: str
    system_id: str | None
    login_id: str
    ledger_id: bytes
    credential: bytes | None
    origin: str | None = None
    static: bool = False
    opened_at: float | None = None
    settings: dict[str, str] | None = None


class Seals:
    """Makes and opens seals. They do not expire, because every session that was opened may be closed."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._opening = Counter[str]()
        """How many sessions are being opened by which key."""

    @contextmanager
    def for_a_session(self) -> Iterator[str]:
        """Give the key for the seal and the row of a session, and count it as one to write with until the context ends."""
        key_id = self._keyring.current
        self._opening[key_id] += 1
        try:
            yield key_id
        finally:
            self._opening[key_id] -= 1

    @property
    def writing(self) -> str:
        """The key that others have to keep: a former one by which a session may still be recorded, else the current one."""
        current = self._keyring.current
        return next((key_id for key_id, number in self._opening.items() if number and key_id != current), current)

    def make(self, sealed: Sealed, *, key_id: str | None = None) -> str:
        """Return the header's value by a key (None: the current one): printable ASCII, different each time.

        Raises `TypeError` of a credential that is no text.
        """
        for name, value in (sealed.credential or {}).items():
            if not isinstance(value, str):
                raise TypeError(f"the credential of a login has {type(value).__name__} as value of {name}; expected text")
        credential = None if sealed.credential is None else packed(sealed.credential)
        payload = _Payload(
            FORMAT,
            sealed.session_id,
            sealed.system_id,
            sealed.login_id,
            sealed.ledger_id,
            credential,
            sealed.origin,
            sealed.static,
            sealed.opened_at,
            None if sealed.settings is None else {**sealed.settings},
        )
        return _text(self._keyring.seal(PURPOSE, msgspec.msgpack.encode(payload), key_id=key_id))

    def opened(self, given: Sequence[str]) -> Sealed:
        """Return what the header's one value holds. Raises `UnknownSession` for anything but a seal made with one of our keys."""
        try:
            # Exactly one header: of two, a proxy and this server might choose different ones.
            (text,) = given
            payload = msgspec.msgpack.decode(self._keyring.unseal(PURPOSE, _bytes(text)), type=_Payload)
            credential = None if payload.credential is None else unpacked(payload.credential)
        except (ValueError, KeyMissing, SealBroken):
            # Without its cause: which check failed must not be told, and the cause could reach a log.
            raise UnknownSession("this seal was not made with one of our keys") from None
        if payload.format != FORMAT:
            raise UnknownSession("this seal has another format")
        return Sealed(
            payload.session_id,
            payload.system_id,
            payload.login_id,
            payload.ledger_id,
            credential,
            payload.origin,
            payload.static,
            payload.opened_at,
            payload.settings,
        )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Decode the one spelling that `_text` gives: in another, bits of the last letter would not matter. Raises `ValueError`."""
    if "+" in text or "/" in text:  # of the other alphabet: Python before 3.15 takes them silently, 3.15 warns
        raise ValueError("not in base64url")
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(raw) != text:
        raise ValueError("not as it was written")
    return raw
