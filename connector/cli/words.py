"""Rows of the ledger and moments in words, for a person."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown import ShownDebt

HEADINGS = ("id", "session", "system", "state", "reason", "attempts", "last answer", "next try", "owed evictions")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def cells(row: "ShownDebt", now: float) -> tuple[str, ...]:
    """Return the cells of a row under `HEADINGS`."""
    return (
        str(row.id),
        plain(row.session),
        plain(row.system),
        row.state,
        plain(row.reason),
        str(row.attempts),
        _answer(row),
        moment(row.next_try_at, now),
        plain(", ".join(row.owed_evictions)),
    )


def details(row: "ShownDebt", now: float) -> list[tuple[str, str]]:
    """Return everything about a row, line by line."""
    return [
        *zip(HEADINGS, cells(row, now), strict=True),
        ("origin", plain(row.origin)),
        ("moved to", plain(row.moved_to)),
        ("recorded", moment(row.recorded_at, now)),
        ("closed", moment(row.closed_at, now)),
    ]


def remark(row: "ShownDebt") -> str:
    """Explain a row: its reason, the end system's last answer, and the drivers that still owe an eviction."""
    reason, answer = plain(row.reason), _answer(row)
    evictions = plain(", ".join(row.owed_evictions))
    parts = ["" if answer.startswith(reason) else reason, answer, f"evictions owed: {evictions}" if evictions else ""]
    return "; ".join(filter(None, parts))


def _answer(row: "ShownDebt") -> str:
    answer = row.last_answer
    if answer is None:
        return ""
    outcome = f"{answer.outcome} (not proved)" if answer.proved is False else answer.outcome
    return plain(": ".join(filter(None, (outcome, answer.code, answer.message))))


def plain(text: str | None) -> str:
    """Return text of unknown origin without what could move a cursor or break a line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text or "")


def moment(at: float | None, now: float) -> str:
    """Say when something is or was, for instance `in 40 s`; nothing for None."""
    if at is None:
        return ""
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def span(seconds: float) -> str:
    """Say how long something takes in whole units, for instance `3 min`."""
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= size or size == 1)
    return f"{seconds // size:.0f} {unit}"
