"""The alert rules: Prometheus's own tool reads and tries them, and each leads to a section that says what to do."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.telemetry.metrics import Metrics
from tests.metrics.exposition import value
from tests.metrics.filled import filled
from tests.provision import found

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
RULES = DOCS / "alerts.yml"
TRIALS = ("alerts_test.yml", "alerts_of_days_test.yml")
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
NAMES = [alert["alert"] for alert in ALERTS]
ROW = re.compile(r"^\| `(Connector\w+)` \| .* \| \[[^]]*\]\((#[\w-]+)\) \|$", re.MULTILINE)


def promtool(*arguments: str | Path, sent: bytes = b"") -> tuple[int, str]:
    command = [found("promtool") or "promtool", *arguments]
    done = subprocess.run(command, input=sent, capture_output=True, check=False, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode()


def fires_in_the_trials() -> Iterator[str]:
    """Yield each alert that a trial expects to fire while no other does."""
    for trial in TRIALS:
        for case in yaml.safe_load((HERE / trial).read_text("utf-8"))["tests"]:
            for expected in case["promql_expr_test"]:
                yield from (
                    name
                    for only in [expected["exp_samples"]]
                    if len(only) == 1
                    for name in re.findall(r"\w+", only[0]["labels"])[1:]
                )


def test_prometheus_reads_the_rules() -> None:
    code, said = promtool("check", "rules", RULES)

    assert code == 0, said
    assert f"{len(ALERTS)} rules found" in said


@pytest.mark.parametrize("trial", TRIALS)
def test_alerts_fire_when_they_should_and_no_others_with_them(trial: str) -> None:
    code, said = promtool("test", "rules", HERE / trial)

    assert code == 0, said


def test_each_alert_is_seen_to_fire_alone() -> None:
    assert {*fires_in_the_trials()} == {*NAMES}


def test_each_alert_leads_to_the_section_that_its_row_in_the_handbook_names() -> None:
    rows = dict(ROW.findall((DOCS / "operations.md").read_text("utf-8")))

    assert rows == {alert["alert"]: alert["annotations"]["runbook"].removeprefix("operations.md") for alert in ALERTS}


def test_each_alert_says_how_urgent_it_is() -> None:
    assert {alert["labels"]["severity"] for alert in ALERTS} == {"critical", "warning", "info"}


async def test_prometheus_finds_nothing_wrong_with_the_metrics() -> None:
    code, said = promtool("check", "metrics", sent=(await filled()).exposition())

    assert (code, said) == (0, "")


def test_prometheus_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    panels = json.loads((DOCS / "grafana-dashboard.json").read_text("utf-8"))["panels"]
    asked = [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert promtool("check", "rules", file)[0] == 0


def test_the_first_cleanup_that_fails_is_a_rise() -> None:
    text = Metrics().exposition().decode()

    assert [value(text, "connector_cleanups_total", status=status) for status in ("500", "503")] == [0, 0]
