"""Who counts as gone: whoever stood still for as long as a claim, in time in which the watcher itself went on."""

import pytest

from connector.ledger.postgres.standstill import CLAIM, Standstill, StandstillWatch
from connector.ledger.testing import SetClock

OTHER = b"other"
A_WHILE = 3600.0


class Watcher:
    """Makes transactions, and remembers when the other one was gone."""

    def __init__(self) -> None:
        self.clock = SetClock(0.0)
        self.watch = StandstillWatch(Standstill(clock=self.clock))
        self.sequence = 1

    def transaction(self, *, takes: float, is_answered: bool = True) -> bool:
        """Tell whether the other one is gone."""
        self.watch.began()
        self.clock.now += takes / 2
        gone = self.watch.gone({OTHER: self.sequence})
        self.clock.now += takes / 2
        self.watch.ended(is_answered=is_answered)
        return gone == [OTHER]

    def until_gone(self, *, takes: float, pause: float, is_answered: bool = True) -> float:
        """Return how long it takes until the other one is gone that stands still."""
        began = self.clock.now
        while self.clock.now - began < A_WHILE and not self.transaction(takes=takes, is_answered=is_answered):
            self.clock.now += pause
        return self.clock.now - began


@pytest.mark.parametrize(("takes", "pause"), [(0.001, 1.0), (0.3, 1.0), (0.9, 0.1), (0.02, 0.0), (0.01, 5.0)])
def test_an_owner_that_stands_still_is_gone_after_a_claim_however_busy_the_watcher(takes: float, pause: float) -> None:
    assert CLAIM <= Watcher().until_gone(takes=takes, pause=pause) <= CLAIM + 2 * (takes + pause)


def test_an_owner_that_goes_on_is_never_gone() -> None:
    watcher = Watcher()
    for _ in range(1000):
        assert not watcher.transaction(takes=0.5)
        watcher.clock.now += 5.0
        watcher.sequence += 1


def test_what_the_watcher_waited_before_it_saw_the_other_one_go_on_does_not_count() -> None:
    watcher = Watcher()
    watcher.transaction(takes=0.01)
    watcher.sequence += 1
    watcher.transaction(takes=1.9)  # half of it before it looked
    assert watcher.until_gone(takes=0.001, pause=0.001) >= CLAIM - 0.95


def test_while_the_watchers_own_transactions_stand_still_nobody_is_gone() -> None:
    assert Watcher().until_gone(takes=30.0, pause=0.0) >= A_WHILE


def test_a_time_in_which_the_database_does_not_answer_does_not_count() -> None:
    watcher = Watcher()
    watcher.transaction(takes=0.01)
    assert watcher.until_gone(takes=20.0, pause=1.0, is_answered=False) >= A_WHILE


def test_of_a_pause_of_the_watcher_itself_only_a_part_counts() -> None:
    watcher = Watcher()
    watcher.transaction(takes=0.01)
    watcher.clock.now += 1000.0
    assert not watcher.transaction(takes=0.01)
