"""Prints the findings of a rehearsal: first the counts, then the failed checks, for a person or line by line."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from connector.rehearsal.report import CheckResult, Finding, Report

STYLES = {
    CheckResult.FAIL: "bold red",
    CheckResult.WARN: "bold yellow",
    CheckResult.SKIP: "bold",
    CheckResult.PASS: "bold green",
}


def print_report(report: Report, *, verbose: bool) -> None:
    """Print the counts of the results, then the checks that did not pass, the worst first; all of them if `verbose`."""
    findings = [
        one for verdict in CheckResult for one in report.with_verdict(verdict) if verbose or verdict is not CheckResult.PASS
    ]
    if sys.stdout.isatty():
        _show(report, findings)
    else:
        _print_lines(report, findings)


def _show(report: Report, findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    worst = CheckResult.FAIL if report.with_verdict(CheckResult.FAIL) else CheckResult.PASS
    console.print(Text(_summary(report), style=STYLES[worst]))
    for one in findings:
        heading = Text.assemble((one.verdict.value, STYLES[one.verdict]), "  ", (one.check.id, "bold"))
        if one.verdict is CheckResult.SKIP:
            console.print(Text.assemble(heading, f": {one.seen}"))
        else:
            console.print(heading, Padding(Text(f"{one.check.expects}\nseen: {one.seen}"), (0, 0, 0, 4)), sep="\n")


def _print_lines(report: Report, findings: Sequence[Finding]) -> None:
    rows = [(one.verdict.value, one.check.id, one.check.expects, one.seen) for one in findings]
    sys.stdout.writelines(f"{line}\n" for line in (_summary(report), *map("\t".join, rows)))


def _summary(report: Report) -> str:
    counts = ", ".join(f"{verdict.value}: {len(report.with_verdict(verdict))}" for verdict in CheckResult)
    return f"{counts}; {report.requests} requests in {report.milliseconds / 1000:.1f} s"
