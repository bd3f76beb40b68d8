"""What is shown of a trial: lines for a person, or JSON for a script. No credential is in either."""

from collections.abc import Sequence
from typing import Any

import typer
from msgspec.structs import asdict

from connector.cli.printing import print_json
from connector.cli.promises import LoginTried, Promise, Renewed, Tried
from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.profile.record import StepRecord
from connector.model.outcomes import LogoutOutcome


def show(what: StepRecord | LoginOutcome | LogoutOutcome) -> None:
    """Print one line, as soon as it is known."""
    typer.echo(_line(what) if isinstance(what, StepRecord) else _outcome_line(what))


def show_promises(found: Sequence[Promise]) -> None:
    """Print which promises hold."""
    for promise in found:
        typer.echo(f"{promise.verdict.value}  {promise.id}: {promise.seen}")


def print_logout(tried: Tried) -> None:
    """Print a logout as JSON."""
    print_json(_as_json(tried))


def print_life(life: LoginTried, found: Sequence[Promise]) -> None:
    """Print a login, its refresh, its logouts and the promises as JSON."""
    parts: dict[str, Any] = {"login": {"steps": [asdict(record) for record in life.records], **_named(life.login)}}
    parts |= {} if life.refresh is None else {"refresh": _as_json(life.refresh)}
    parts |= {} if life.logout is None else {"logout": _as_json(life.logout)}
    parts |= {} if life.again is None else {"again": _as_json(life.again)}
    promises = [{"id": promise.id, "verdict": promise.verdict.value, "seen": promise.seen} for promise in found]
    print_json({**parts, "promises": promises})


def _as_json(tried: Tried | Renewed) -> dict[str, Any]:
    return {"steps": [asdict(record) for record in tried.records], **_named(tried.outcome)}


def _named(outcome: LogoutOutcome | LoginOutcome) -> dict[str, str | float | None]:
    return {
        "outcome": outcome.result.value,
        "code": outcome.code,
        "message": outcome.message,
        "retry_after": outcome.retry_after,
    }


def _outcome_line(outcome: LogoutOutcome | LoginOutcome) -> str:
    named = _named(outcome) | ({"outcome": None, "login": outcome.result.value} if isinstance(outcome, LoginOutcome) else {})
    order = ("login", "outcome", "code", "message", "retry_after")
    return "  ".join(f"{key}: {named[key]}" for key in order if named.get(key) is not None)


def _line(record: StepRecord) -> str:
    """Say what was sent, what came back, the verdict, and the rule of the profile behind it."""
    status = "nothing sent" if record.status is None and record.milliseconds == 0 else str(record.status or "no answer")
    judged = f"{record.verdict} ({record.rule})" if record.rule else str(record.verdict)
    step = f"{record.step} (before)" if record.before else record.step
    line = f"{step}  {record.method} {record.url}  {status}  {judged}  {record.milliseconds} ms"
    return f"{line}\n    {record.message}" if record.message else line
