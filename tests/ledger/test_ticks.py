"""The counter of ticks in the file: not believed without its code, and never ahead of what the rows tell."""

from dataclasses import replace
from pathlib import Path

import pytest

from connector.ledger.testing.ticking import idle, ticks, use
from tests.ledger.ledgers import KEYS, ONLY_NEW, ROTATED, open_, opened, opening, raw, session


@pytest.mark.parametrize("alteration", ["UPDATE ticks SET number = 1000000", "UPDATE ticks SET mac = x'00'", "DELETE FROM ticks"])
async def test_a_counter_that_was_altered_makes_nobody_idle_and_goes_on_from_the_rows(tmp_path: Path, alteration: str) -> None:
    async with opened(tmp_path) as ledger:
        for number in (1, 2):
            await open_(ledger, session(number))
        await ticks(ledger, 7)
        await open_(ledger, session(3))
        await ticks(ledger, 2)
        await use(ledger, 1)
    with raw(tmp_path) as file:
        file.execute(alteration)
        file.execute("UPDATE sessions SET used_tick = 1000000 WHERE id = 2")
    async with opened(tmp_path) as ledger:
        assert await ledger.tick() == 8
        assert await idle(ledger, unused_since=8) == [3]


async def test_a_counter_that_is_made_anew_is_no_older_than_a_login_that_was_under_way(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 5)
        await ledger.begin_opening(opening(session(1)))
    with raw(tmp_path) as file:
        file.execute("DELETE FROM ticks")
    async with opened(tmp_path) as ledger:
        assert await ledger.tick() == 6


async def test_of_a_damaged_file_the_ticks_of_the_saved_rows_are_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 3)
        await open_(ledger, session(1))
        await ticks(ledger, 2)
    with raw(tmp_path) as file:
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path) as ledger:
        assert await ledger.tick() == 4
        assert await idle(ledger, unused_since=3, opened_since=3) == [1]


async def test_a_counter_outlives_the_key_that_it_was_written_with(tmp_path: Path) -> None:
    for keyring, expected in ((KEYS, 1), (ROTATED, 2), (ONLY_NEW, 3)):
        async with opened(tmp_path, keyring) as ledger:
            assert await ledger.tick() == expected


@pytest.mark.parametrize(
    "alteration", ["opened_tick = 0", "used_tick = -1", "unanswered = 2199023255552", "used_at = -1.0", "calls = -1"]
)
async def test_a_session_that_was_opened_or_used_as_nobody_can_is_not_reaped(tmp_path: Path, alteration: str) -> None:
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 5)
        await open_(ledger, session(1))
        with raw(tmp_path) as file:
            file.execute(f"UPDATE sessions SET {alteration}")
        assert await idle(ledger, unused_since=9, opened_since=9, unanswered_since=9) == []


async def test_who_alters_the_use_of_a_session_alters_when_it_is_idle_and_nothing_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 5)
        await open_(ledger, session(1))
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET used_tick = 3, used_at = 7, calls = 8, unanswered = 0")
        assert [await idle(ledger, unused_since=tick) for tick in (2, 3)] == [[], [1]]
        found = await ledger.open_by(session(1).session_id, "l")
        assert found is not None
        assert replace(found, used_at=session(1).used_at) == session(1)


async def test_unknown_logins_are_written_anew_with_the_current_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
    async with opened(tmp_path, ROTATED) as ledger:
        await ledger.tidy()
    async with opened(tmp_path, ONLY_NEW) as ledger:
        await ledger.tick()
        assert await ledger.let_go_unknown(1) == [opening(session(1))]
