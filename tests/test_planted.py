"""A planted mistake is called as what it stands for is, and each rule of a fleet names some that break it."""

import re
from collections.abc import Iterator
from inspect import Parameter, isfunction, signature
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import planting as of_a_fleet
from tests.ledger import planting as of_claims
from tests.ledger import planting_rewritten as of_what_is_written_again
from tests.ledger import planting_upgrades as of_upgrades
from tests.sessions import planting as of_sessions
from tests.simulation.fleet import mutants as of_the_simulation

PLANTINGS = (of_a_fleet, of_claims, of_what_is_written_again, of_upgrades, of_sessions, of_the_simulation)


ROOT = Path(__file__).parent.parent
RULES = range(12)


def planted() -> Iterator[Any]:
    for planting in PLANTINGS:
        for name, mutant in planting.MUTANTS.items():
            yield pytest.param(mutant, id=name)


@pytest.mark.parametrize("mutant", [*planted()])
def test_a_planted_mistake_takes_what_the_real_function_is_given(mutant: Any) -> None:
    real = getattr(mutant.owner, mutant.name)
    mistaken = mutant.mistaken(real)
    if isfunction(real) and isfunction(mistaken):
        given = [each for each in signature(real).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
        by_name = {each.name: None for each in given if each.kind is Parameter.KEYWORD_ONLY}
        signature(mistaken).bind(*[None] * (len(given) - len(by_name)), **by_name)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_of_a_fleet_names_mistakes_that_are_planted(rule: int) -> None:
    page = (ROOT / "docs/design.md").read_text()
    _, section = page.split("### What holds each rule of a fleet\n")
    named = re.findall(rf"^\| {rule} \|.*\| (.*) \|$", section, re.MULTILINE)
    assert f"* **{rule}. " in section
    assert named
    assert {*named} <= {name for planting in PLANTINGS for name in planting.MUTANTS}
