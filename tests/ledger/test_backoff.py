"""When an owed logout is tried again: spread at random, within bounds, as the end system asks, and not for ever."""

from math import inf, nan
from random import Random

import pytest
from msgspec.structs import replace

from connector.ledger.backoff import Backoff, Decision
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult

WEEK = 604_800.0
DEBT = Debt(id=1, session_id="s", system_id=None, origin="", fingerprint=b"")
AWAY = LogoutOutcome(LogoutResult.PENDING, "503", "away")


def waits(attempts: int, outcome: LogoutOutcome = AWAY, *, number: int = 1_000) -> list[float]:
    """What is drawn, many times over, for a debt that was tried `attempts` times before."""
    backoff = Backoff(WEEK, Random(attempts))
    return [backoff.judge(replace(DEBT, attempts=attempts), outcome).wait for _ in range(number)]


@pytest.mark.parametrize(("attempts", "bound"), [(0, 1), (1, 2), (2, 4), (5, 32), (8, 256), (9, 300), (10, 300), (100_000, 300)])
def test_waits_are_even_up_to_a_bound_that_doubles_from_1_s_to_5_minutes(attempts: int, bound: float) -> None:
    drawn = sorted(waits(attempts))
    assert 0 <= drawn[0] < 0.02 * bound
    assert 0.98 * bound < drawn[-1] <= bound
    assert drawn[500] == pytest.approx(bound / 2, rel=0.1)


@pytest.mark.parametrize(("asked", "honoured"), [(-5, 1), (0, 1), (1, 1), (90, 90), (3600, 3600), (86_400, 3600), (inf, 3600)])
def test_a_retry_after_of_a_second_to_an_hour_is_honoured_and_spread_over_a_second(asked: float, honoured: float) -> None:
    drawn = waits(3, replace(AWAY, retry_after=asked))
    assert honoured <= min(drawn) < honoured + 0.1
    assert honoured + 0.9 < max(drawn) <= honoured + 1


@pytest.mark.parametrize(
    "result", [LogoutResult.VERIFIED, LogoutResult.ACKNOWLEDGED, LogoutResult.ALREADY_OUT, LogoutResult.NOT_APPLICABLE]
)
def test_a_logout_that_is_done_is_closed_however_long_it_took(result: LogoutResult) -> None:
    assert Backoff(1).judge(replace(DEBT, waited=WEEK), LogoutOutcome(result)) == Decision(LogoutState.CLOSED)


@pytest.mark.parametrize("result", [LogoutResult.REFUSED, LogoutResult.FAILED])
def test_what_trying_again_does_not_help_waits_for_a_human_at_once(result: LogoutResult) -> None:
    assert Backoff(WEEK).judge(DEBT, LogoutOutcome(result)) == Decision(LogoutState.WAITING)


def test_a_logout_is_given_up_once_the_waits_that_were_scheduled_add_up() -> None:
    backoff = Backoff(WEEK)
    assert backoff.judge(replace(DEBT, waited=WEEK - 1), AWAY).state is LogoutState.OWED
    assert backoff.judge(replace(DEBT, waited=WEEK), AWAY) == Decision(LogoutState.WAITING)


def test_the_calendar_gives_nothing_up() -> None:
    recorded_years_ago = replace(DEBT, recorded_at=0.0, due_at=0.0, attempts=50)
    assert Backoff(WEEK).judge(recorded_years_ago, AWAY).state is LogoutState.OWED


def test_a_wait_that_is_no_number_counts_as_none_that_was_asked_for() -> None:
    assert waits(3, replace(AWAY, retry_after=nan)) == waits(3)
