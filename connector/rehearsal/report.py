"""The findings of a rehearsal: the result of each check, and what was seen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connector.model.redaction import Redaction
from connector.rehearsal.checks import Check, Severity

SHOWN = 3
"""How many different observations of one check are shown."""
LONGEST = 300


class CheckResult(StrEnum):
    """The result of a check, the worst first."""

    FAIL = "fail"
    WARN = "warn"
    """It did not pass, but OpsHub gets along."""
    SKIP = "skip"
    PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `seen` holds no credential."""

    check: Check
    verdict: CheckResult
    seen: str


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a rehearsal, in the order of the checks."""

    findings: Sequence[Finding]
    requests: int
    milliseconds: int

    def with_verdict(self, verdict: CheckResult) -> list[Finding]:
        """Return the findings with this result."""
        return [finding for finding in self.findings if finding.verdict is verdict]

    @property
    def as_json(self) -> dict[str, Any]:
        """The report for a script."""
        checks = [
            {
                "id": finding.check.id,
                "severity": finding.check.severity.value,
                "verdict": finding.verdict.value,
                "expects": finding.check.expects,
                "seen": finding.seen,
            }
            for finding in self.findings
        ]
        return {"checks": checks, "requests": self.requests, "milliseconds": self.milliseconds}


@dataclass(slots=True)
class Notes:
    """The notes of the play. A check may be made many times; it passes if it always did."""

    redaction: Redaction
    _passed: dict[Check, Counter[str]] = field(default_factory=dict)
    _failed: dict[Check, Counter[str]] = field(default_factory=dict)
    _skipped: dict[Check, str] = field(default_factory=dict)

    def note(self, check: Check, seen: str, *, passed: bool) -> bool:
        """Note whether a check passed, and what was seen. Returns `passed`."""
        (self._passed if passed else self._failed).setdefault(check, Counter())[seen] += 1
        return passed

    def skip(self, check: Check, why: str) -> None:
        """Note why a check is skipped."""
        self._skipped.setdefault(check, why)

    def has_failed(self, check: Check) -> bool:
        """Tell whether a check has failed so far."""
        return check in self._failed

    def findings(self) -> list[Finding]:
        """Return the results of all checks, without any secret that is known by now."""
        return [self._finding(check) for check in Check]

    def _finding(self, check: Check) -> Finding:
        # One failure outweighs any number of passes.
        if failed := self._failed.get(check):
            verdict = CheckResult.FAIL if check.severity is Severity.FAIL else CheckResult.WARN
            return Finding(check, verdict, self._told(failed))
        if passed := self._passed.get(check):
            return Finding(check, CheckResult.PASS, self._told(passed))
        return Finding(check, CheckResult.SKIP, self._fit(self._skipped.get(check, "the rehearsal did not get that far")))

    def _told(self, seen: Counter[str]) -> str:
        told = [self._fit(text) + (f" ({times} times)" if times > 1 else "") for text, times in seen.most_common(SHOWN)]
        return "; ".join(told) + (f"; and {len(seen) - SHOWN} more" if len(seen) > SHOWN else "")

    def _fit(self, text: str) -> str:
        """Make text of the connector safe to print: without secrets and control characters, and not too long."""
        # The text comes from the connector on trial, and could move the cursor of a terminal.
        plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.redaction.redacted(text))
        return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
