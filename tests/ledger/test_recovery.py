"""What is saved of a ledger that was damaged."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.rows import COLUMNS, NAMES
from connector.ledger.sql.table import marks
from connector.ledger.sqlite import recovery
from connector.ledger.sqlite.inspection import damage_of
from connector.model.audit import AuditEntry
from connector.model.seat_pools import HeldSeats
from tests.ledger.ledgers import (
    NAME,
    ONLY_NEW,
    START,
    all_due,
    close,
    damage,
    filled,
    open_,
    opened,
    opening,
    raw,
    record,
    session,
)

DAMAGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "empty": (lambda path: path.write_bytes(b""), 0),
    "text": (lambda path: path.write_text("drivers = []\n" * 1000, "ascii"), 0),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), 0),
    "one byte": (lambda path: os.truncate(path, 1), 0),
    "half": (lambda path: os.truncate(path, path.stat().st_size // 2), 10),
    "no header": (lambda path: damage(path, 0), 100),
    "no schema": (lambda path: damage(path, 100, bytes(3996)), 100),
    "nonsense for a schema": (lambda path: damage(path, 2000, b"\xff" * 2096), 100),
}


@pytest.mark.parametrize("kind", DAMAGES)
async def test_a_damaged_file_is_moved_aside_with_a_loud_message_and_what_can_be_is_saved(tmp_path: Path, kind: str) -> None:
    await filled(tmp_path, 300)
    damaging, least = DAMAGES[kind]
    damaging(tmp_path / NAME)
    damaged = (tmp_path / NAME).read_bytes()
    with capture_logs() as logs:
        async with opened(tmp_path) as ledger:
            assert ledger.lost_track
            assert len(await all_due(ledger)) >= least
            assert (await record(ledger, 1000)).revision == 1
    (aside,) = [path for path in tmp_path.glob(f"{NAME}.corrupt-*") if path.suffix.endswith("Z")]
    assert aside.read_bytes() == damaged
    (loud,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert loud["moved_to"] == str(aside)
    assert loud["saved"] >= least
    assert not [*tmp_path.glob("*.unfinished*")]


async def test_of_a_ledger_with_damaged_pages_all_other_rows_are_saved(tmp_path: Path) -> None:
    await filled(tmp_path, 2000)
    path = tmp_path / NAME
    with raw(tmp_path) as file:
        page_size = file.execute("PRAGMA page_size").fetchone()[0]
        leaves = [row[0] for row in file.execute("SELECT pageno FROM dbstat WHERE name = 'debts' AND pagetype = 'leaf'")]
    hit = [leaves[place] for place in (0, len(leaves) // 3, len(leaves) // 2, len(leaves) - 1)]
    for page in hit:
        damage(path, (page - 1) * page_size, b"\xff" * page_size)
    async with opened(tmp_path) as ledger:
        assert ledger.lost_track
        saved = await all_due(ledger)
        assert len(saved) >= 2000 - len(hit) * 16
        assert len({debt.session_id for debt in saved}) == len(saved)
        await asyncio.gather(*(close(ledger, debt) for debt in saved))
        assert (await record(ledger, 5000)).id > max(debt.id for debt in saved)


async def test_rows_whose_key_is_missing_are_saved_too(tmp_path: Path) -> None:
    await filled(tmp_path, 5)
    with raw(tmp_path) as file:
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path, ONLY_NEW) as ledger:
        assert (await ledger.statistics()).unreadable == 5
    async with opened(tmp_path) as ledger:
        assert len(await all_due(ledger)) == 5


async def test_of_a_damaged_file_sessions_and_logins_that_were_under_way_are_saved_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        for number in (2, 3):
            await ledger.begin_opening(opening(session(number), "pool"))
    with raw(tmp_path) as file:
        file.execute("UPDATE openings SET overtaken = 1 WHERE session_id = ?", (session(3).session_id,))
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path) as ledger:
        totals = await ledger.statistics()
        assert (totals.sessions, totals.openings, totals.unknown) == (1, 0, 1)
        assert await ledger.held_seats("pool") == HeldSeats(unknown=1)
        await ledger.let_go_opening("l")


async def test_of_a_damaged_file_the_audit_log_is_saved_but_for_lines_that_are_no_text(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(3):
            await ledger.note_action(AuditEntry(bytes([number]), START, "ada", "here", "retry", f"owed {number}"))
    with raw(tmp_path) as file:
        file.execute("UPDATE audit SET who = CAST(x'ff' AS TEXT) WHERE target = 'owed 1'")
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path) as ledger:
        assert [entry.target for entry in await ledger.audit_entries()] == ["owed 2", "owed 0"]


async def test_altered_rows_are_not_saved_from_a_damaged_file(tmp_path: Path) -> None:
    await filled(tmp_path, 5)
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET origin = 'https://evil.example.com' WHERE id = 2")
        file.execute("UPDATE debts SET key_id = 'gone', session_id = CAST(x'ff' AS TEXT) WHERE id = 3")
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path) as ledger:
        assert [debt.id for debt in await all_due(ledger)] == [1, 4, 5]


async def test_what_was_only_in_the_write_ahead_log_is_saved_and_moved_aside_too(tmp_path: Path) -> None:
    async with opened(tmp_path / "live") as ledger:
        await asyncio.gather(*(record(ledger, each) for each in range(50)))
        (tmp_path / "killed").mkdir()
        for name in (NAME, f"{NAME}-wal"):
            shutil.copy(tmp_path / "live" / name, tmp_path / "killed" / name)
    with raw(tmp_path / "killed") as file:
        file.execute("PRAGMA wal_autocheckpoint = 0")
        file.execute("DROP INDEX debts_due")
        shutil.copytree(tmp_path / "killed", tmp_path / "damaged")
    async with opened(tmp_path / "damaged") as ledger:
        assert ledger.lost_track
        assert len(await all_due(ledger)) == 50
    assert [path.name for path in (tmp_path / "damaged").iterdir() if "corrupt" in path.name and path.name.endswith("-wal")]


@pytest.mark.parametrize("done", ["nothing moved", "file moved", "log moved"])
async def test_a_recovery_that_was_killed_in_between_is_finished_by_the_next_start(tmp_path: Path, done: str) -> None:
    await filled(tmp_path, 5)
    path = tmp_path / NAME
    shutil.copy(path, tmp_path / "sound")
    damage(path, 0)
    (tmp_path / f"{NAME}-wal").write_bytes(b"old log")
    sound = sqlite3.connect(tmp_path / "sound")
    rows = sound.execute(f"SELECT {NAMES} FROM debts").fetchall()
    sound.close()
    insert = f"INSERT INTO debts ({NAMES}) VALUES ({marks(COLUMNS)})"
    recovery.build(tmp_path / f"{NAME}.saved", {insert: rows}, lost_track="a test")
    if done != "nothing moved":
        path.rename(tmp_path / f"{NAME}.corrupt-x")
    if done == "log moved":
        (tmp_path / f"{NAME}-wal").rename(tmp_path / f"{NAME}.corrupt-x-wal")
    async with opened(tmp_path) as ledger:
        assert len(await all_due(ledger)) == 5
        assert ledger.lost_track
    assert damage_of(path) is None
    assert not (tmp_path / f"{NAME}.saved").exists()


async def test_a_first_start_that_was_killed_half_way_does_not_trouble_the_next_one(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.unfinished").write_bytes(b"")
    (tmp_path / f"{NAME}.unfinished-journal").write_bytes(b"half a journal")
    async with opened(tmp_path) as ledger:
        assert not ledger.lost_track
    assert not [*tmp_path.glob("*.unfinished*")]
