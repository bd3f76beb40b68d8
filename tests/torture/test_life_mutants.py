"""Each planted mistake is found, so that finding none means something."""

import pytest

from tests.torture.life.mutants import hunted
from tests.torture.life.planting import MUTANTS
from tests.torture.life.situations import SITUATIONS


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_of_the_life_of_sessions_is_killed(name: str) -> None:
    assert await hunted(name), f"a server in which {name} went through its situation"


def test_each_situation_shows_a_mutant_and_each_mutant_has_one() -> None:
    assert {mutant.situation for mutant in MUTANTS.values()} == {*SITUATIONS}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_takes_the_place_of_something_that_there_is(name: str) -> None:
    assert hasattr(MUTANTS[name].owner, MUTANTS[name].name)
