"""Mutants: plausible mistakes in how two versions go on side by side. Each has a test that has to find it.

As a plugin of pytest it makes one of them in the process of the tests: `-p tests.ledger.planting_upgrades --plant NAME`.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest

from connector.ledger.postgres import layouts, transactions
from connector.ledger.postgres.layouts import TablesVersion, lock_out_older
from connector.ledger.postgres.owners import OwnRow
from tests.sessions.planting import Mutant

UPGRADE, OPENING = "test_postgres_upgrade.py", "test_postgres_opening.py"
WAITED_FOR = f"{UPGRADE}::test_the_last_older_replica_may_start_again_for_a_while_and_is_waited_for"
AS_THE_OLDEST_READS = f"{UPGRADE}::test_a_session_is_written_as_the_oldest_replica_that_is_there_reads_it"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", choices=[*MUTANTS])


def pytest_configure(config: pytest.Config) -> None:
    MUTANTS[config.getoption("--plant")].plant()


def as_this_replica_reads(_: Callable[..., int]) -> Callable[..., int]:
    return lambda row, *_: row._reads


def without_a_pause(_: Callable[..., int]) -> Callable[..., int]:
    def layout(_: OwnRow, connection: Any, all_read: int, oldest: int) -> int:
        if all_read > oldest:
            lock_out_older(connection, all_read)
        return all_read

    return layout


def for_todays_alone(real: Callable[..., None]) -> Callable[..., None]:
    return lambda connection, layout: real(connection, TablesVersion(layout.made, layout.made))


MUTANTS = {
    "a new layout is written at once": Mutant(OwnRow, "_layout", as_this_replica_reads, AS_THE_OLDEST_READS),
    "a use is part of a row's code for ever": Mutant(transactions, "USE_APART", lambda _: math.inf, AS_THE_OLDEST_READS),
    "an upgrade is over with its last older replica": Mutant(
        OwnRow,
        "_layout",
        without_a_pause,
        f"{UPGRADE}::test_the_last_older_replica_may_start_again_for_a_while_and_is_waited_for",
    ),
    "no older replica is locked out": Mutant(
        layouts,
        "LOCK_OUT",
        lambda _: "SELECT {}",
        f"{UPGRADE}::test_once_no_older_replica_was_there_for_a_while_none_comes_back",
    ),
    "a migration stops older replicas": Mutant(
        layouts,
        "_note",
        for_todays_alone,
        f"{UPGRADE}::test_tables_that_an_older_replica_uses_become_todays_and_stay_usable_for_it",
    ),
    "a migration waits as long as a backup takes": Mutant(
        layouts,
        "WAIT",
        lambda _: "0",
        f"{UPGRADE}::test_a_start_that_a_backup_holds_up_is_refused_and_older_replicas_go_on",
    ),
    "a lock-out waits as long as a backup takes": Mutant(
        layouts,
        "BRIEFLY",
        lambda _: "0",
        f"{UPGRADE}::test_older_versions_are_locked_out_once_no_backup_is_under_way",
    ),
    "a migration takes no lock": Mutant(
        layouts,
        "TAKE_LOCK",
        lambda _: "SELECT 1",
        f"{OPENING}::test_a_replica_that_starts_while_another_one_makes_the_tables_waits_for_them",
    ),
}
