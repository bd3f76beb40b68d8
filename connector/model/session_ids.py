"""The ids of sessions: UUIDs, in any usual spelling."""

import re
from uuid import UUID

_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")


def canonical(text: str) -> str | None:
    """Return the canonical text of a UUID: lower case, with hyphens; None if it is none.

    It may be spelled with hyphens or none, in any case, in braces, or after `urn:uuid:`.
    """
    lower = text.lower() if text.isascii() else ""
    bare = lower[1:-1] if lower.startswith("{") and lower.endswith("}") else lower
    spelling = _UUID.fullmatch(bare)
    if spelling is None:
        return None
    return bare.removeprefix("urn:uuid:") if spelling[1] else str(UUID(bare))
