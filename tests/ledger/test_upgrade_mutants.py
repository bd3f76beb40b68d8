"""Each planted mistake in how two versions go on side by side is found by the test that is meant to find it."""

from pathlib import Path

import pytest

from tests.ledger.planting_upgrades import MUTANTS
from tests.planted import assert_found


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_an_upgrade_is_killed(name: str) -> None:
    assert_found(name, "tests.ledger.planting_upgrades", Path(__file__).with_name(MUTANTS[name].found_by))
