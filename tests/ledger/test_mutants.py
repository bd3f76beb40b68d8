"""Each planted mistake in who tries a logout is found by the tests that are meant to find it."""

from pathlib import Path

import pytest

from tests.ledger.planting import MUTANTS
from tests.planted import assert_found


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_claims_of_a_fleet_is_killed(name: str) -> None:
    assert_found(name, "tests.ledger.planting", Path(__file__).with_name(MUTANTS[name].found_by))
