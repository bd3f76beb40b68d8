"""Encryption with one key. The library takes memory, so it is imported with the first seal, and not at a server's start."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def encrypted(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Encrypt by ChaCha20-Poly1305; `associated` is authenticated only. No two texts of one key may have one nonce."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def decrypted(key: bytes, nonce: bytes, text: bytes, associated: bytes) -> bytes | None:
    """Return what was encrypted; None if any of it was altered, or made with another key or other associated data."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, text, associated)
    except InvalidTag:
        return None
