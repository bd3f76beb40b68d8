"""The counter of ticks in the file: not believed without its code, and never ahead of what the rows tell."""

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
        await use(ledger, 1)
        await ticks(ledger, 2)
    with raw(tmp_path) as file:
        file.execute(alteration)
    async with opened(tmp_path) as ledger:
        assert await ledger.tick() == 8
        assert await idle(ledger, unused_since=6) == [2]


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


@pytest.mark.parametrize("column", ["opened_tick", "used_tick", "unanswered"])
async def test_a_session_whose_ticks_were_altered_is_not_reaped(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 5)
        await open_(ledger, session(1))
        with raw(tmp_path) as file:
            file.execute(f"UPDATE sessions SET {column} = 0")
        assert await idle(ledger, unused_since=9, opened_since=9, unanswered_since=9) == []


async def test_unknown_logins_are_written_anew_with_the_current_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
    async with opened(tmp_path, ROTATED) as ledger:
        await ledger.tidy()
    async with opened(tmp_path, ONLY_NEW) as ledger:
        await ledger.tick()
        assert await ledger.let_go_unknown(1) == [opening(session(1))]
