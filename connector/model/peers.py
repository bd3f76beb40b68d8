"""What a replica tells the others of itself, and what two of them have to share."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from msgspec.structs import replace


class Peer(msgspec.Struct, frozen=True, array_like=True):
    """A replica, as it tells it. Fields may be added at the end only: each version reads what every other one tells."""

    nonce: bytes
    """A random word for each start: nobody has another one's, before or after."""
    round: int
    """Counts what it has told. A replica whose rounds move is alive."""
    name: str
    """Its host and process id."""
    connector: str
    """The `connector.name`."""
    ledger: bytes
    """The random word that stands for its ledger."""
    keys: tuple[bytes, ...]
    """The digests of its keys, that of the current one first."""
    store: bytes = b""
    """What the authority tells everybody who uses this very store; empty while it does not answer."""

    def after(self, *, store: bytes) -> "Peer":
        """Return what it tells next."""
        return replace(self, round=self.round + 1, store=store)


class Difference(StrEnum):
    """What two replicas do not share, although they have to. The more it explains, the earlier it stands here."""

    CONNECTOR = "connector"
    KEYS = "keys"
    LEDGER = "ledger"
    STORE = "store"


def difference(mine: Peer, other: Peer) -> Difference | None:
    """Return what keeps two replicas from working together that have found each other; None if nothing does.

    Their keys may differ as long as each can read what the other one writes.
    """
    if mine.connector != other.connector:
        return Difference.CONNECTOR
    if not ({*mine.keys[:1]} <= {*other.keys} and {*other.keys[:1]} <= {*mine.keys}):
        return Difference.KEYS
    if mine.ledger != other.ledger:
        return Difference.LEDGER
    if mine.store and other.store and mine.store != other.store:
        return Difference.STORE
    return None


def explained(differs: Difference, other: Peer, *, store: str) -> str:
    """Say in one line what another replica does not share, and what a person can do. `store` is the key of the authority."""
    match differs:
        case Difference.CONNECTOR:
            key, has = "connector.name", f"shares the ledger or the store, and is of the connector {other.connector!a}"
            advice = "another connector needs a ledger and a storage namespace of its own"
        case Difference.KEYS:
            key, has = "ledger.key_file", "has other keys: one of both cannot read what the other one writes"
            advice = "give both the same keys, and a new one to all replicas before any writes with it"
        case Difference.LEDGER:
            key, has = "ledger.store", f"shares {store}, and has another ledger"
            advice = 'replicas need one ledger ("postgres"); another connector needs a storage namespace of its own'
        case Difference.STORE:
            key, has = store, "shares the ledger, and has another store"
            advice = "replicas need the same server, database number and namespace"
    return f"{key}: the replica {other.name} {has}; {advice}"


def told(peer: Peer) -> bytes:
    """Return what others are told."""
    return msgspec.msgpack.encode(peer)


def heard(raw: bytes) -> Peer | None:
    """Return the replica that tells this; None if nobody here understands it."""
    try:
        return msgspec.msgpack.decode(raw, type=Peer)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def use_one_store(told_by_each: Iterable[bytes | None]) -> bool:
    """Tell whether replicas use the same authority. It is not known if one does not tell, or if its store does not answer."""
    peers = [heard(about or b"") for about in told_by_each]
    stores = {peer.store if peer else b"" for peer in peers}
    return len(stores) == 1 and b"" not in stores
