"""A credential as bytes and back, whatever an end system or a caller has put into it."""

import msgspec

from connector.model.credential import Credential

Pairs = list[tuple[bytes, bytes]]
PROVED = (b":proved", b"1")
"""Stands beside the values of a credential that the end system has accepted. No header has such a name."""


STALE_AT = b":stale_at"
"""The name of the time when a credential has to be renewed."""


def packed(credential: Credential) -> bytes:
    """Encode a credential; what is no character comes as a surrogate, and goes as it came."""
    beside = [PROVED] if credential.proved else []
    if credential.stale_at is not None:
        beside.append((STALE_AT, repr(credential.stale_at).encode()))
    return msgspec.msgpack.encode([*_pairs(credential), *beside])


def identity(credential: Credential) -> bytes:
    """Return bytes that equal credentials have in common, and no others have."""
    return msgspec.msgpack.encode(_pairs(credential))


def _pairs(credential: Credential) -> Pairs:
    return sorted(
        (name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in credential.items()
    )


def unpacked(data: bytes) -> Credential:
    """Return what was `packed`. Raises `ValueError` for anything else, also for what an older version has packed."""
    pairs = msgspec.msgpack.decode(data, type=Pairs)
    proved = PROVED in pairs
    stale_at = next((float(value) for name, value in pairs if name == STALE_AT), None)
    headers = [
        (name.decode("utf-8", "surrogatepass"), value.decode("utf-8", "surrogatepass"))
        for name, value in pairs
        if (name, value) != PROVED and name != STALE_AT
    ]
    return Credential(headers, needed=[name for name, _ in headers], proved=proved, stale_at=stale_at)
