"""A credential as bytes and back, whatever an end system or a caller has put into it."""

import msgspec

from connector.model.credential import Credential

Pairs = list[tuple[bytes, bytes]]


def packed(credential: Credential) -> bytes:
    """Encode a credential, equal ones alike; what is no character comes as a surrogate, and goes as it came."""
    headers = sorted(
        (name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in credential.items()
    )
    return msgspec.msgpack.encode(headers)


def unpacked(data: bytes) -> Credential:
    """Return what was `packed`. Raises `ValueError` for anything else, also for what an older version has packed."""
    pairs = msgspec.msgpack.decode(data, type=Pairs)
    headers = [(name.decode("utf-8", "surrogatepass"), value.decode("utf-8", "surrogatepass")) for name, value in pairs]
    return Credential(headers, needed=[name for name, _ in headers])
