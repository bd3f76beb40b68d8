"""What a rehearsal has found: for each rule whether it is kept, and what was seen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connector.model.redaction import Redaction
from connector.rehearsal.checks import Check, Severity

SHOWN = 3
"""How many different things that were seen are told."""
LONGEST = 300


class CheckResult(StrEnum):
    """What a check has come to; the worst is the first."""

    BREACH = "breach"
    ADVICE = "advice"
    """Not kept, but OpsHub gets along."""
    NOT_TRIED = "not tried"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule; `seen` holds no credential."""

    rule: Check
    verdict: CheckResult
    seen: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a rehearsal has found, in the order of the rules."""

    findings: Sequence[Finding]
    requests: int
    milliseconds: int

    def with_verdict(self, verdict: CheckResult) -> list[Finding]:
        """Return the findings that have come to this."""
        return [finding for finding in self.findings if finding.verdict is verdict]

    @property
    def as_json(self) -> dict[str, Any]:
        """The report for a script."""
        checks = [
            {
                "id": finding.rule.id,
                "severity": finding.rule.severity.value,
                "verdict": finding.verdict.value,
                "expects": finding.rule.expects,
                "seen": finding.seen,
            }
            for finding in self.findings
        ]
        return {"checks": checks, "requests": self.requests, "milliseconds": self.milliseconds}


@dataclass(slots=True)
class Notes:
    """What is noted during the play. A rule may be looked at many times; it is kept if it always was."""

    redaction: Redaction
    _kept: dict[Check, Counter[str]] = field(default_factory=dict)
    _broken: dict[Check, Counter[str]] = field(default_factory=dict)
    _skipped: dict[Check, str] = field(default_factory=dict)

    def note(self, rule: Check, seen: str, *, kept: bool) -> bool:
        """Note that a rule was kept or not, and by what that was seen. Returns `kept`."""
        (self._kept if kept else self._broken).setdefault(rule, Counter())[seen] += 1
        return kept

    def skip(self, rule: Check, why: str) -> None:
        """Note why a rule was not tried."""
        self._skipped.setdefault(rule, why)

    def is_broken(self, rule: Check) -> bool:
        """Say whether a rule was not kept so far."""
        return rule in self._broken

    def findings(self) -> list[Finding]:
        """Return what all the rules have come to, without any secret that is known by now."""
        return [self._finding(rule) for rule in Check]

    def _finding(self, rule: Check) -> Finding:
        if broken := self._broken.get(rule):
            verdict = CheckResult.BREACH if rule.severity is Severity.BREACH else CheckResult.ADVICE
            return Finding(rule, verdict, self._told(broken))
        if kept := self._kept.get(rule):
            return Finding(rule, CheckResult.KEPT, self._told(kept))
        return Finding(rule, CheckResult.NOT_TRIED, self._fit(self._skipped.get(rule, "the rehearsal did not get that far")))

    def _told(self, seen: Counter[str]) -> str:
        told = [self._fit(text) + (f" ({times} times)" if times > 1 else "") for text, times in seen.most_common(SHOWN)]
        return "; ".join(told) + (f"; and {len(seen) - SHOWN} more" if len(seen) > SHOWN else "")

    def _fit(self, text: str) -> str:
        """Make text that may be the connector's fit to be printed: no secret, nothing that moves a cursor, not too long."""
        plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.redaction.redacted(text))
        return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
