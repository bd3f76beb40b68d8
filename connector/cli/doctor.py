"""`connector doctor`: whether the whole installation works, and what to do if it does not."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.doctor.finding import DoctorFinding
    from connector.preflight.loading import Configuration

STYLES = {"sound": "green", "warning": "bold yellow", "fault": "bold red"}


def doctor(
    config: ConfigOption = None,
    *,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Log in, and out again, with the settings of this file, as for `rehearse`."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the whole installation: configuration, files, stores, the end system, the server and what is owed.

    Nothing is changed. Ends with 0 if all is sound, with 1 if there is a warning, and with 2 if something does not work.
    """
    from connector.doctor.finding import EXIT_CODES, worst
    from connector.rehearsal.settings_file import read_settings

    given = None if settings is None else {pair.key: pair.value for pair in read_settings(settings, os.environ)}
    findings = []
    for finding in _examined(config, given):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json({"verdict": worst(findings), "findings": findings})
    else:
        typer.echo(_summary(findings))
    raise typer.Exit(EXIT_CODES[worst(findings)])


def _examined(config: Path | None, settings: Mapping[str, str] | None) -> "Iterator[DoctorFinding]":
    """Yield each finding as soon as it is known, what others depend on first."""
    from connector.doctor.finding import fault, sound
    from connector.doctor.machine import machine_findings
    from connector.preflight.loading import read

    yield from machine_findings()
    try:
        configuration = read(chosen(config), os.environ)
    except ConfigurationError as problems:
        for problem in problems.problems:
            yield fault("configuration", problem, "mend it; nothing else can be looked at before")
        return
    yield sound("configuration", str(configuration.sources.file or "all keys have their defaults"))
    yield from _configured(configuration)
    if settings is not None:
        yield asyncio.run(_login(configuration, settings))
    yield from _server(config)


def _configured(configuration: "Configuration") -> "Iterator[DoctorFinding]":
    """Look at what the configuration leads to."""
    from connector.doctor.files import file_findings
    from connector.doctor.finding import fault, warning
    from connector.doctor.ledger_database import database_findings
    from connector.doctor.reach import end_system_findings
    from connector.doctor.stores import store_findings
    from connector.preflight.surroundings import drivers_and_problems

    settings = configuration.settings
    for line in settings.deprecations:
        yield warning("deprecated", line, "use the new name: the next version does not know the old one")
    drivers, problems = drivers_and_problems(settings, os.environ)
    for problem in problems:
        yield fault("start", problem, "a server does not start with this")
    yield from file_findings(settings, os.environ)
    yield from asyncio.run(store_findings(drivers))
    yield from database_findings(settings.ledger, os.environ)
    yield from asyncio.run(end_system_findings(settings.end_system, os.environ))


def _server(config: Path | None) -> "Iterator[DoctorFinding]":
    from connector.cli.control_client import NothingHere, NotYours, Refused
    from connector.cli.seen import seen
    from connector.doctor.finding import fault, sound
    from connector.doctor.running_server import server_findings

    try:
        yield from server_findings(seen(config, lambda source: source.status()))
    except NothingHere:
        yield sound("server", "it has never run here")
    except (NotYours, Refused, ConfigurationError) as problem:
        yield fault("server", str(problem), "run this as the user of the server, in its folder or with its --config")


async def _login(configuration: "Configuration", settings: Mapping[str, str]) -> "DoctorFinding":
    from connector.cli.trial import makes_logins, try_login
    from connector.doctor.finding import fault, sound

    end_system = configuration.end_system
    if not makes_logins(end_system):
        return sound("end-system-login", "this end system has no login to try")
    tried = await try_login(end_system, settings, lambda _: None)
    if tried.login.result is not LoginResult.LOGGED_IN:
        remedy = "`connector profiles test` shows each request of it"
        return fault("end-system-login", f"{tried.login.result.value}: {tried.login.message or tried.login.code or ''}", remedy)
    ended = tried.logout is not None and tried.logout.outcome.closes
    remedy = "`connector profiles test` shows each request; look for the session in the end system"
    seen = "logged in, and out again" if ended else "logged in, and the logout did not work"
    return sound("end-system-login", seen) if ended else fault("end-system-login", seen, remedy)


def _show(finding: "DoctorFinding") -> None:
    """Print a finding: for a person in colours, and otherwise as a line with tabs."""
    condition = finding.condition.value
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join((condition, finding.name, finding.seen, finding.remedy or "")) + "\n")
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble((f"{condition:8}", STYLES[condition]), (finding.name, "bold")))
    console.print(Padding(Text(finding.seen), (0, 0, 0, 8)))
    if finding.remedy is not None:
        console.print(Padding(Text(f"-> {finding.remedy}", style="italic"), (0, 0, 0, 8)))


def _summary(findings: "Sequence[DoctorFinding]") -> str:
    from connector.doctor.finding import Condition

    counts = {condition: sum(finding.condition is condition for finding in findings) for condition in Condition}
    return ", ".join(f"{condition.value}: {number}" for condition, number in reversed(counts.items()))
