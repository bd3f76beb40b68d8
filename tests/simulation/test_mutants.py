"""Each planted mistake is found, so that finding none means something."""

import pytest

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.parts import REAL


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_killed(name: str) -> None:
    assert hunt(MUTANTS[name]), f"a cache in which {name} went through all seeds"


def test_the_real_classes_are_not_taken_for_a_mutant() -> None:
    assert hunt(REAL, seeds=20) is None
