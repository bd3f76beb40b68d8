"""What a rehearsal has come to: the verdict first, then what is broken and why, for a person or line by line."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from connector.rehearsal.report import CheckResult, Finding, Report

STYLES = {
    CheckResult.BREACH: "bold red",
    CheckResult.ADVICE: "bold yellow",
    CheckResult.NOT_TRIED: "bold",
    CheckResult.KEPT: "bold green",
}


def print_report(report: Report, *, verbose: bool) -> None:
    """Print how many checks came to what, and those that are not kept, the worst first; all of them if `verbose`."""
    findings = [
        one for verdict in CheckResult for one in report.with_verdict(verdict) if verbose or verdict is not CheckResult.KEPT
    ]
    if sys.stdout.isatty():
        _show(report, findings)
    else:
        _print_lines(report, findings)


def _show(report: Report, findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    worst = CheckResult.BREACH if report.with_verdict(CheckResult.BREACH) else CheckResult.KEPT
    console.print(Text(_summary(report), style=STYLES[worst]))
    for one in findings:
        heading = Text.assemble((one.verdict.value, STYLES[one.verdict]), "  ", (one.rule.id, "bold"))
        if one.verdict is CheckResult.NOT_TRIED:
            console.print(Text.assemble(heading, f": {one.seen}"))
        else:
            console.print(heading, Padding(Text(f"{one.rule.expects}\nseen: {one.seen}"), (0, 0, 0, 4)), sep="\n")


def _print_lines(report: Report, findings: Sequence[Finding]) -> None:
    rows = [(one.verdict.value, one.rule.id, one.rule.expects, one.seen) for one in findings]
    sys.stdout.writelines(f"{line}\n" for line in (_summary(report), *map("\t".join, rows)))


def _summary(report: Report) -> str:
    counts = ", ".join(f"{verdict.value}: {len(report.with_verdict(verdict))}" for verdict in CheckResult)
    return f"{counts}; {report.requests} requests in {report.milliseconds / 1000:.1f} s"
