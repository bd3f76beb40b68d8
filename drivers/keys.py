"""Names of fixed length for scopes and keys. None of their characters reaches a store, where it could have a meaning."""

from hashlib import blake2b

from drivers.contract import Everything, Scope, SessionScope, SystemScope


def digest(*parts: str | bytes) -> bytes:
    """Return 32 bytes that stand for `parts`. Each part is hashed with its length, so that no two lists collide."""
    hashed = blake2b(digest_size=32)
    for part in parts:
        # Scopes are arbitrary text, lone surrogates included, and each has to have a name.
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        # With the length, `a, bc` and `ab, c` differ.
        hashed.update(len(raw).to_bytes(8, "big"))
        hashed.update(raw)
    return hashed.digest()


def scope_digest(scope: Scope) -> bytes:
    """Return the 32 bytes that identify a scope; a session is identified by its id alone."""
    match scope:
        case SessionScope(session_id):
            return digest("session", session_id)
        case SystemScope(system_id):
            return digest("system", system_id)
        case Everything():
            return digest("everything")
