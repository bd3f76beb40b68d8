"""A credential as bytes and back, whatever an end system or a caller has put into it."""

import msgspec

from connector.credential import Credential

Pairs = list[tuple[bytes, bytes]]


def packed(credential: Credential) -> bytes:
    """Encode a credential, equal ones alike; a header's bytes that are no UTF-8 come as surrogates, and go as they came."""
    headers = sorted(
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")) for name, value in credential.items()
    )
    return msgspec.msgpack.encode(headers)


def unpacked(data: bytes) -> Credential:
    """Return what was `packed`."""
    pairs = msgspec.msgpack.decode(data, type=Pairs)
    headers = [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in pairs]
    return Credential(headers, needed=[name for name, _ in headers])
