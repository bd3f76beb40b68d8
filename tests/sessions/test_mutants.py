"""Each planted mistake is found by the tests that are meant to find it."""

from pathlib import Path

import pytest

from tests.planted import assert_found
from tests.sessions.planting import MUTANTS


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_opening_of_sessions_is_killed(name: str) -> None:
    assert_found(name, "tests.sessions.planting", Path(__file__).with_name(MUTANTS[name].found_by))
