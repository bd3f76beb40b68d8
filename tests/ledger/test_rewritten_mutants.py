"""Each planted mistake in what is written again after a fail-over is found by the test that is meant to find it."""

from pathlib import Path

import pytest

from tests.ledger.planting_rewritten import MUTANTS
from tests.planted import assert_found


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_what_is_written_again_is_killed(name: str) -> None:
    assert_found(name, "tests.ledger.planting_rewritten", Path(__file__).with_name(MUTANTS[name].found_by))
