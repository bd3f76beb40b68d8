"""An end system that comes back is not stormed, whatever is owed and whatever the clock does."""

from pathlib import Path

from tests.torture.storm import Storm, away_for_an_hour, jumping_clock

OWED = 120


async def test_after_an_hour_away_all_is_done_once_and_never_more_at_a_time_than_allowed(tmp_path: Path) -> None:
    storm = await away_for_an_hour(tmp_path, OWED)
    must_be_gentle(storm)
    assert storm.tries_while_away >= 12 * OWED
    assert max(storm.rate) < OWED / 3


async def test_a_clock_that_jumps_a_year_parks_nothing_and_starts_no_storm(
    tmp_path: Path,
) -> None:
    storm = await jumping_clock(tmp_path, OWED)
    must_be_gentle(storm)
    assert storm.tries_while_away >= OWED


def must_be_gentle(storm: Storm) -> None:
    assert (storm.done, storm.twice, storm.given_up) == (OWED, 0, 0)
    assert 1 < storm.most_at_once <= storm.per_origin
