"""`connector doctor`: whether the whole installation works, and what to do if it does not."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import ConfigOption, JsonOption
from connector.cli.printing import print_json

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from yarl import URL

    from connector.doctor.finding import DoctorFinding

STYLES = {"sound": "green", "warning": "bold yellow", "fault": "bold red"}


def doctor(
    config: ConfigOption = None,
    *,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Log in, and out again, with the settings of this file, as for `rehearse`."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The base URL that OpsHub knows: look at what a proxy does to requests.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the whole installation: configuration, files, stores, the end system, the server and what is owed.

    Nothing is changed in it. Ends with 0 if all is sound, with 1 if there is a warning, and with 2 if something does not work.
    """
    from connector.cli.examination import examined
    from connector.config.settings import LogsSection
    from connector.doctor.finding import EXIT_CODES, worst
    from connector.rehearsal.settings_file import read_settings
    from connector.telemetry.logs import configure_logs

    configure_logs(LogsSection(level="warning"))  # what a driver warns of goes to standard error, not between the findings
    given = None if settings is None else {pair.key: pair.value for pair in read_settings(settings, os.environ)}
    findings = []
    for finding in examined(config, given, None if url is None else _public(url)):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json({"verdict": worst(findings), "findings": findings})
    else:
        typer.echo(_summary(findings))
    raise typer.Exit(EXIT_CODES[worst(findings)])


def _public(text: str) -> "URL":
    from yarl import URL

    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host or url.query_string or url.fragment or url.user:
        raise typer.BadParameter("expected a base URL, such as https://connector.example.com/sdk-api/api/1.0", param_hint="--url")
    return url


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
