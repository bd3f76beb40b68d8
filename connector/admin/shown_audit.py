"""What an administrator is shown of the audit log, as values."""

import msgspec

from connector.model.audit import AuditEntry


class ShownAction(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log. The moment is in seconds since the epoch."""

    id: int
    """Orders the lines; the next page is what comes before the last one's."""
    at: float
    who: str
    where: str
    action: str
    target: str
    outcome: str | None
    """What became of it; None if it has begun, and nobody knows how it ended."""


def shown_action(entry: AuditEntry) -> ShownAction:
    """Return what is shown of a line."""
    return ShownAction(
        id=entry.id,
        at=entry.at,
        who=entry.who,
        where=entry.where,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
    )
