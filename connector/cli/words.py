"""Rows of the ledger in words, for a person."""

from typing import TYPE_CHECKING

from connector.admin.phrases import moment, plain

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown import ShownDebt

HEADINGS = ("id", "session", "system", "state", "reason", "attempts", "last answer", "next try", "owed evictions")


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
