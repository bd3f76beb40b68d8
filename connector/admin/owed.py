"""What is owed as it is shown, by the running server and from its file alike. Nothing of a credential is in it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from connector.model.debts import Debt, LogoutState, Totals
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.runtime.file_access import is_there

Choice = Literal["open", "owed", "waiting", "closed", "all"]
"""Which rows are wanted: those that still owe something, be it only an eviction; those in one state; or all."""


def states_of(choice: Choice) -> list[LogoutState] | None:
    """Return the choice as `Ledger.listing` wants it."""
    match choice:
        case "open":
            return None
        case "all":
            return [*LogoutState]
        case state:
            return [LogoutState(state)]


def shown_debt(debt: Debt) -> dict[str, Any]:
    """Return one row; moments are seconds since the epoch."""
    return {
        "id": debt.id,
        "session": debt.session_id,
        "system": debt.system_id,
        "origin": debt.origin,
        "moved_to": debt.moved_to,
        "state": debt.state.value,
        "reason": reason(debt),
        "usable": debt.unusable is None,
        "attempts": debt.attempts,
        "last_answer": debt.outcome and _shown_outcome(debt.outcome),
        "owed_evictions": {driver: len(scopes) for driver, scopes in debt.evictions.items()},
        "recorded_at": debt.recorded_at,
        "next_try_at": debt.due_at if debt.state is LogoutState.OWED else None,
        "closed_at": debt.closed_at,
    }


def reason(debt: Debt) -> str | None:
    """Say why the row waits for a human, or why it was closed although the logout was not done."""
    match debt:
        case Debt(unusable=str(why)):
            return why
        case Debt(dismissed=str(why)):
            return f"dismissed: {why}"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=LogoutResult.PENDING)):
            return "given up: the end system was away for too long"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=LogoutResult.HELD)):
            return f"held back: made for {debt.origin}"
        case Debt(state=LogoutState.WAITING, outcome=LogoutOutcome(result=result)):
            return result.value
        case _:
            return None


def shown_totals(totals: Totals, *, held_back: Mapping[str, int], next_try_at: float | None, size: int) -> dict[str, Any]:
    """Return how much is owed, how much of it is held back by where it was made, and the bytes of the ledger's file."""
    return asdict(totals) | {"held_back": held_back, "next_try_at": next_try_at, "bytes": size}


def size_of(file: Path) -> int:
    """Return the bytes of the ledger's file and of its write-ahead log."""
    return sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if is_there(part))


def _shown_outcome(outcome: LogoutOutcome) -> dict[str, str | None]:
    return {"outcome": outcome.result.value, "code": outcome.code, "message": outcome.message}
