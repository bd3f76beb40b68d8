"""Known traps of versions: told of those that have them, with what to do, and of no others."""

import sqlite3
from datetime import UTC, datetime

import pytest

from connector.doctor.finding import Condition
from connector.doctor.known_traps import TRAPS, Product, Version, support_findings, trap_findings
from connector.doctor.machine import machine_findings

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("product", "version", "found"),
    [
        (Product.SQLITE, (3, 40, 1), {"trap-wal-reset": Condition.SOUND}),
        (Product.SQLITE, (3, 51, 2), {"trap-wal-reset": Condition.SOUND}),
        (Product.SQLITE, (3, 51, 3), {}),
        (Product.POSTGRESQL, (13, 22), {}),
        (Product.POSTGRESQL, (14, 0), {"trap-concurrent-index": Condition.WARNING}),
        (Product.POSTGRESQL, (14, 3), {"trap-concurrent-index": Condition.WARNING}),
        (Product.POSTGRESQL, (14, 4), {}),
    ],
)
def test_a_version_with_a_trap_is_told_and_others_are_not(
    product: Product, version: Version, found: dict[str, Condition]
) -> None:
    assert {each.name: each.condition for each in trap_findings(product, version)} == found


def test_each_trap_has_a_source_and_a_warning_says_what_to_do() -> None:
    for trap in TRAPS:
        [finding] = trap_findings(trap.product, trap.since)
        assert trap.source.startswith("https://")
        assert trap.source in finding.seen
        assert (finding.condition is Condition.SOUND) == (finding.remedy is None)


@pytest.mark.parametrize(("major", "is_told"), [(12, True), (13, True), (14, False), (18, False), (19, False)])
def test_a_database_that_gets_no_fixes_any_more_is_a_warning(major: int, *, is_told: bool) -> None:
    assert [each.condition for each in support_findings(major, NOW)] == [Condition.WARNING] * is_told


def test_the_sqlite_of_this_machine_is_looked_at() -> None:
    told = {each.name for each in machine_findings()}

    assert ("trap-wal-reset" in told) == (sqlite3.sqlite_version_info < (3, 51, 3))
