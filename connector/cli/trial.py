"""A logout on trial: one session, shown request by request."""

import os
from uuid import uuid4

import typer
from msgspec.structs import asdict

from connector.cli.header_options import Headers
from connector.cli.printing import print_json
from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, SessionLogin
from connector.endsystems.profile.conclusion import conclude
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.record import StepRecord
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome


def end_system_on_trial(configured: EndSystemSection, profile: str, base_url: str | None) -> EndSystem:
    """Make the end system as configured, but of this profile and at this URL. Raises `ConfigurationError`."""
    changes: dict[str, object] = {"profile": profile}
    if profile != configured.profile:
        changes |= {"settings": {}}
    if base_url is not None:
        changes |= {"base_url": base_url, "allowed_urls": []}
    return build_end_system(configured.model_copy(update=changes), os.environ)


async def try_logout(end_system: EndSystem, headers: Headers, *, as_json: bool) -> LogoutOutcome:
    """Log out, printing what became of each request and what they come to. The end system sets the deadline."""
    login = SessionLogin(str(uuid4()), None, Credential(headers.items(), needed=end_system.needed_headers))
    records: list[StepRecord] = []
    try:
        await end_system.open()
        if isinstance(end_system, HttpEndSystem):
            async for record in end_system.run(login):
                records.append(record)
                if not as_json:
                    typer.echo(_line(record))
            outcome = conclude(records)
        else:
            outcome = await end_system.logout(login)
    finally:
        await end_system.aclose()
    _print_outcome(outcome, records, as_json=as_json)
    return outcome


def _print_outcome(outcome: LogoutOutcome, records: list[StepRecord], *, as_json: bool) -> None:
    if as_json:
        print_json({"steps": [asdict(record) for record in records], **_named(outcome)})
    else:
        typer.echo("  ".join(f"{key}: {value}" for key, value in _named(outcome).items() if value is not None))


def _named(outcome: LogoutOutcome) -> dict[str, str | float | None]:
    return {
        "outcome": outcome.result.value,
        "code": outcome.code,
        "message": outcome.message,
        "retry_after": outcome.retry_after,
    }


def _line(record: StepRecord) -> str:
    """Say what was sent, what came back, the verdict, and the rule of the profile behind it."""
    status = "nothing sent" if record.status is None and record.milliseconds == 0 else str(record.status or "no answer")
    judged = f"{record.verdict} ({record.rule})" if record.rule else str(record.verdict)
    line = f"{record.step}  {record.method} {record.url}  {status}  {judged}  {record.milliseconds} ms"
    return f"{line}\n    {record.message}" if record.message else line
