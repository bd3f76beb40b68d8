"""Each planted mistake is found, so that finding none means something."""

import pytest

from tests.simulation.fleet.mutants import MUTANTS, hunt


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_a_fleet_is_killed(name: str) -> None:
    assert hunt(MUTANTS[name]), f"a fleet in which {name} went through all seeds"
