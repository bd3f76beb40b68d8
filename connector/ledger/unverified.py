"""A row that is not to be believed: why, and what of it can be shown to a person."""

from typing import Any

from connector.model.debts import Debt, LogoutState
from connector.model.errors import ConnectorError


class Unverified(ConnectorError):
    """The row is not what this process, or one with the same keys, has written."""


def claimed(reason: str, *, id_: object, session_id: object, system_id: object, origin: object, recorded_at: object) -> Debt:
    """Return what a row says of itself, made fit to be shown: nothing to act upon."""
    return Debt(
        id=id_ if isinstance(id_, int) else 0,
        session_id=shown(session_id) or "",
        system_id=shown(system_id),
        origin=shown(origin) or "",
        fingerprint=b"",
        state=LogoutState.WAITING,
        recorded_at=recorded_at if isinstance(recorded_at, float) else 0.0,
        unusable=reason,
    )


def shown(value: Any) -> str | None:
    """Return a value of unknown origin as at most 200 printable ASCII characters; text that is such already stays as it is."""
    if value is None:
        return None
    text = value[:200] if isinstance(value, str) else type(value).__name__
    return "".join([sign if " " <= sign <= "~" else sign.encode("unicode_escape").decode() for sign in text])[:200]


def lenient_text(raw: bytes) -> str:
    """Read text that may be damaged, so that verifying finds the damage, and not an error of SQLite's."""
    return raw.decode("utf-8", "surrogateescape")
