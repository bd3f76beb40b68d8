"""What is written about the rehearsal is so."""

import re
from pathlib import Path

from connector.rehearsal.checks import Check
from connector.rehearsal.script import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text("utf-8")


def test_every_check_stands_in_the_page_with_its_severity_and_what_is_expected() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)

    assert rows == [(check.id, check.severity.value, check.expects) for check in Check]


def test_the_bounds_are_those_that_are_written() -> None:
    limits = Limits()

    written = f"deadline of {limits.answer:g} seconds; the rehearsal has {limits.total:g} seconds and {limits.requests} requests"
    assert written in PAGE
