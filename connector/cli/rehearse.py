"""`connector rehearse`: an OpsHub stand-in, to try a connector before OpsHub does."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.options import JsonOption
from connector.cli.printing import print_json

EXIT_FAILED = 1
EXIT_UNREACHABLE = 69
"""Nobody answers at a URL: `EX_UNAVAILABLE` of sysexits.h."""

UrlsArgument = Annotated[list[str], typer.Argument(metavar="URL...", help="Base URLs of one connector, as OpsHub knows them.")]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", metavar="PATH", help="The system's settings for initialize, JSON or TOML.")
]
ChangedOption = Annotated[
    Path | None,
    typer.Option(
        "--changed-settings", metavar="PATH", help="The settings after a change: with them every call answers otherwise."
    ),
]
CallsOption = Annotated[
    list[str] | None,
    typer.Option("--call", metavar="'GET /PATH'", help="A call that needs a session and changes nothing; may be repeated."),
]
MbseOption = Annotated[bool, typer.Option("--mbse", help="Expect errors as the MBSE variant has them: as a list.")]
WithoutOption = Annotated[
    bool, typer.Option("--without-initialize", help="Open no sessions; use the headers of one that is open, if any are given.")
]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header-env", metavar="NAME=VARIABLE", help="Take a header of an open session from an environment variable."),
]
EndSystemOption = Annotated[
    str | None,
    typer.Option("--end-system", metavar="URL", help="The end system. The rehearsal stands before it, and fails in its place."),
]
PortOption = Annotated[
    int, typer.Option("--end-system-port", help="Port of this machine at which the connector expects its end system.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show the checks that pass, too.")]


def rehearse(
    urls: UrlsArgument,
    *,
    settings: SettingsOption = None,
    changed_settings: ChangedOption = None,
    calls: CallsOption = None,
    mbse: MbseOption = False,
    without_initialize: WithoutOption = False,
    header_env: HeaderOption = None,
    end_system: EndSystemOption = None,
    end_system_port: PortOption = 8917,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Play OpsHub against any connector, and tell where it breaks the contract. Real sessions begin and end.

    Ends with 0 if no check fails, 1 if one fails, 69 if nobody answers at a URL, 78 if the arguments cannot work.
    """
    from connector.cli.staging import read_script, rehearsed, standing_before_end_system
    from connector.cli.verdict import print_report
    from connector.model.errors import ConfigurationError
    from connector.rehearsal.beginning import Unreachable
    from connector.rehearsal.front import CannotListen
    from connector.rehearsal.report import CheckResult

    script = read_script(
        urls, settings, changed_settings, calls or [], header_env or [], without_initialize=without_initialize, mbse=mbse
    )
    script = standing_before_end_system(script, end_system, end_system_port)
    try:
        report = rehearsed(script)
    except CannotListen as taken:
        raise ConfigurationError([f"--end-system-port: {taken}"]) from taken
    except Unreachable as nobody:
        typer.echo(str(nobody), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from nobody
    if as_json:
        print_json({"urls": [*script.urls], **report.as_json})
    else:
        print_report(report, verbose=verbose)
    if report.with_verdict(CheckResult.FAIL):
        raise typer.Exit(EXIT_FAILED)
