"""Sessions in words, for a person."""

import time
from typing import TYPE_CHECKING

from connector.admin.phrases import moment, plain, span

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown_sessions import ClosedSession, ShownSession

HEADINGS = ("session", "system", "state", "reason", "origin", "opened", "idle", "calls", "sharers")
FOLLOWS = {
    "closed": "",
    "owed": "; it is owed, and retried: `connector owed list`",
    "waiting": "; it needs attention: `connector owed list --state waiting`",
}
"""What follows from the outcome of a logout, by the state of its row."""


def cells(row: "ShownSession", now: float) -> tuple[str, ...]:
    """Return the cells of a session under `HEADINGS`."""
    return (
        plain(row.session),
        plain(row.system),
        row.state,
        plain(row.reason),
        plain(row.origin),
        moment(row.opened_at, now),
        idle(row),
        calls(row),
        str(row.sharers or ""),
    )


def details(row: "ShownSession", now: float) -> list[tuple[str, str]]:
    """Return everything about a session, line by line."""
    exactly = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(row.opened_at))
    return [
        ("session", plain(row.session)),
        ("system", plain(row.system)),
        ("state", row.state),
        ("reason", plain(row.reason)),
        ("origin", plain(row.origin)),
        (_began(row), f"{exactly}, {moment(row.opened_at, now)}"),
        ("last used", moment(row.used_at, now)),
        ("idle", idle(row)),
        ("calls", calls(row)),
        ("shares its login with", _others(row)),
    ]


def remark(row: "ShownSession", now: float) -> str:
    """Explain a session: since when and where, with how many it shares its login, and what a person has to know."""
    since = f"{_began(row)} {moment(row.opened_at, now)} at {plain(row.origin)}"
    shared = f"shares its login with {others}" if (others := _others(row)) else ""
    return "; ".join(filter(None, (since, shared, plain(row.reason))))


def _began(row: "ShownSession") -> str:
    return "opened" if row.state == "open" else "begun"


def _others(row: "ShownSession") -> str:
    match row.sharers:
        case 0:
            return ""
        case 1:
            return "one other session"
        case number:
            return f"{number} other sessions"


def idle(row: "ShownSession") -> str:
    """Say how long a session has not been used; nothing if it is not open."""
    if row.idle is None:
        return ""
    return span(row.idle) if row.idle else "< 1 min"


def calls(row: "ShownSession") -> str:
    """Say how many calls a session had; nothing if it is not open."""
    return "" if row.idle is None else str(row.calls)


def ending(closed: "ClosedSession") -> list[str]:
    """Say what became of a session that was closed, line by line."""
    answer = closed.logout
    told = plain(": ".join(filter(None, (answer.outcome, answer.code, answer.message))))
    lines = [f"closed: {closed.session}", f"logout: {told}{FOLLOWS[closed.state]}"]
    lines += [f"{what}: {plain(', '.join(names))}" for what, names in _left(closed).items() if names]
    if not closed.recorded:
        lines.append("the ledger could not record it: it is recorded once the ledger works again")
    return lines


def _left(closed: "ClosedSession") -> dict[str, list[str]]:
    hooks = closed.hooks.items()
    return {
        "evictions owed": [driver for driver, result in closed.evictions.items() if result != "evicted"],
        "hooks that failed": [hook for hook, result in hooks if result not in {"done", "skipped"}],
        "hooks that were skipped, because the session is open again or may be": [
            hook for hook, result in hooks if result == "skipped"
        ],
    }
