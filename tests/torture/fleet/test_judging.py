"""The judge of a fleet: what trouble accounts for, and what nothing does."""

from dataclasses import dataclass, field, fields
from math import inf

import pytest

from tests.torture.fleet.history import FleetHistory
from tests.torture.fleet.judging import judged
from tests.torture.fleet.lateness import Lateness
from tests.torture.fleet.troubles import Trouble, Troubles
from tests.torture.life.faults import Wrong
from tests.torture.life.logins import Asked
from tests.torture.life.told import Told

FOREVER = Trouble("a replica killed", 0.0, recovers=0.0, ended=inf)


@dataclass(slots=True)
class ToldOfAFleet(Told):
    """A history in which nothing is done to the fleet, unless a test says otherwise."""

    troubles: Troubles = field(default_factory=Troubles)
    lateness: Lateness = field(default_factory=Lateness)

    def history(self) -> FleetHistory:
        seen = super(ToldOfAFleet, self).history()
        known = {each.name: getattr(seen, each.name) for each in fields(seen)}
        return FleetHistory(**known, troubles=self.troubles, lateness=self.lateness)

    def found(self) -> set[Wrong]:
        return {fault.wrong for fault in judged(self.history()).faults}


@pytest.fixture
def told() -> ToldOfAFleet:
    return ToldOfAFleet()


def test_a_session_that_is_opened_used_and_cleaned_up_is_fine(told: ToldOfAFleet) -> None:
    told.initialize("a")
    told.use("a")
    told.cleanup("a")
    assert told.found() == set()


@pytest.mark.parametrize("status", [503, None])
def test_a_call_that_fails_while_nothing_is_wrong_is_a_defect(told: ToldOfAFleet, status: int | None) -> None:
    told.initialize("a")
    told.cleanup("a", status)
    told.cleanup("a")
    assert told.found() == {Wrong.DEFECT}


@pytest.mark.parametrize("status", [503, None])
def test_a_call_that_fails_because_of_trouble_is_none(told: ToldOfAFleet, status: int | None) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a")
    told.cleanup("a", status)
    told.cleanup("a")
    assert told.found() == set()


@pytest.mark.parametrize(("waited", "faults"), [(0.5, set()), (0.4, {Wrong.DEFECT})])
def test_a_call_that_waited_for_a_processor_half_of_its_time_is_no_fault(
    told: ToldOfAFleet, waited: float, faults: set[Wrong]
) -> None:
    told.initialize("a")
    failed = told.cleanup("a", None)
    told.cleanup("a")
    told.lateness.waited.append((failed.left, waited * (failed.left - failed.began)))
    assert told.found() == faults


def test_trouble_is_no_excuse_any_more_once_it_was_over_for_long_enough(told: ToldOfAFleet) -> None:
    told.initialize("a")
    failed = told.cleanup("a", 503)
    told.cleanup("a")
    told.troubles.all.append(Trouble("a replica killed", 0.0, recovers=0.5, ended=failed.began - 1))
    assert told.found() == {Wrong.DEFECT}


def test_a_login_of_a_session_that_was_opened_is_lost_whatever_the_trouble(told: ToldOfAFleet) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a")
    told.lost.add("a")
    assert Wrong.LOST in told.found()


@pytest.mark.parametrize(("later", "faults"), [(0.0, set()), (0.1, {Wrong.LOST})])
def test_a_refresh_goes_on_until_the_call_is_answered_that_waits_for_it(
    told: ToldOfAFleet, later: float, faults: set[Wrong]
) -> None:
    told.initialize("a")
    call = told.use("a")
    told.refresh("a").asked = call.began + 0.1
    told.logins["a"].renewals[0].told = call.began + 0.2
    told.cleanup("a")
    told.lost.add("a")
    told.troubles.all.append(Trouble("a replica killed", call.left + later, recovers=0.0, ended=call.left + later))
    told.unknown = [] if faults else ["s"]
    assert told.found() == faults
    told.unknown = []
    assert told.found() == (faults or {Wrong.NO_TRACE})


def test_a_login_that_trouble_has_met_is_unknown_and_has_to_have_a_row(told: ToldOfAFleet) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a", None)
    told.lost.add("a")
    told.unknown = ["s"]
    assert told.found() == set()
    told.unknown = []
    assert told.found() == {Wrong.NO_TRACE}


def test_an_unknown_login_without_trouble_has_no_cause(told: ToldOfAFleet) -> None:
    told.initialize("a")
    told.cleanup("a")
    told.unknown = ["s"]
    assert told.found() == {Wrong.NO_CAUSE, Wrong.DEFECT}, "and more than the trouble allows"


@pytest.mark.parametrize(
    ("word", "waits", "wrong"),
    [("store_unavailable", 0, set()), ("store_unavailable", 2, {Wrong.DEAD_SEAL}), ("ledger_unavailable", 0, {Wrong.DEAD_SEAL})],
)
def test_a_login_that_a_replica_without_a_store_has_replaced_is_served_a_second(
    told: ToldOfAFleet, word: str, waits: int, wrong: set[Wrong]
) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a")
    seen = told.loaded("a")
    told.initialize("b", 503, word)
    told.logins["a"].asked_to_end.append(Asked(told.calls[-1].began + 0.5, 0))
    for _ in range(waits):
        told.initialize("c", session="another")
    told.use("a", own=seen, shared=seen)
    told.cleanup("a")
    told.alive.clear()
    assert told.found() == wrong


def test_a_logout_that_is_sent_after_its_200_is_twice_unless_something_was_wrong(told: ToldOfAFleet) -> None:
    told.initialize("a")
    told.cleanup("a")
    told.initialize("b", session="another")
    told.cleanup("b", session="another")
    told.logins["a"].asked_to_end.append(told.logins["b"].asked_to_end[0])
    assert told.found() == {Wrong.TWICE, Wrong.DEFECT}, "and more than the trouble allows"
    told.troubles.all.append(FOREVER)
    assert told.found() == set()
    assert judged(told.history()).sent_twice == 1


def test_a_login_that_ended_by_itself_was_reaped_unless_it_was_made_to_see_that(told: ToldOfAFleet) -> None:
    told.initialize("a")
    told.alive.clear()
    told.initialize("b", session="another").checked = True
    told.cleanup("b", session="another").checked = True
    assert judged(told.history()).reaped == 1


def test_a_call_by_a_dead_seal_is_served_in_no_trouble(told: ToldOfAFleet) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a")
    told.cleanup("a")
    told.use("a")
    assert Wrong.DEAD_SEAL in told.found()


def test_a_session_that_nobody_has_ended_is_turned_away_in_no_trouble(told: ToldOfAFleet) -> None:
    told.troubles.all.append(FOREVER)
    told.initialize("a")
    told.use("a", 401)
    assert Wrong.TURNED_AWAY in told.found()
