"""Rows that were altered: put in quarantine, shown, never acted upon."""

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from connector.ledger import authentication
from connector.ledger.rows import COLUMNS, EMPTY, PURPOSE
from connector.model.debts import LogoutState
from drivers.group_commit import GroupCommit
from tests.fleet.gates import gate_before
from tests.ledger.ledgers import KEYS, ONLY_NEW, REFUSED, ROTATED, START, SetClock, all_due, close, opened, raw, record

ALTERATIONS = {
    "id": "id + 100",
    "session_id": "replace(session_id, '1', '2')",
    "fingerprint": "zeroblob(32)",
    "system_id": "'B'",
    "origin": "'https://evil.example.com'",
    "outcome": """'{"result":"refused"}'""",
    "attempts": "attempts + 1",
    "waited": "waited + 1",
    "evictions": "replace(evictions, 'A', 'B')",
    "revision": "revision + 1",
    "recorded_at": "recorded_at - 1",
    "due_at": "due_at - 1",
    "closed_at": "1.0",
    "dismissed": "'so'",
    "credential": "zeroblob(60)",
    "login_id": "'l'",
    "version": "7",
    "share": "x'00'",
    "seat": "x'00'",
    "made_tick": "7",
    "holds": "1",
    "mac": "zeroblob(32)",
}


@pytest.mark.parametrize("column", [column for column in COLUMNS if column not in {"key_id", "state"}])
async def test_a_row_with_any_column_altered_is_quarantined_and_never_due(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
        untouched = await record(ledger, 3)
    with raw(tmp_path) as file:
        file.execute(f"UPDATE debts SET {column} = {ALTERATIONS[column]} WHERE id = 1")
    async with opened(tmp_path) as ledger:
        assert [debt.id for debt in await all_due(ledger)] == [untouched.id]
        (shown,) = await ledger.listing(states=[LogoutState.WAITING])
        assert shown.unusable is not None
        assert "in quarantine" in shown.unusable
        assert ledger.lost_track


async def test_a_row_is_told_of_though_the_caller_who_met_it_has_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        debt = await record(ledger, 1)
        with raw(tmp_path) as file:
            file.execute("UPDATE debts SET mac = x'00'")
        with gate_before(GroupCommit, "_do") as disk:
            looking = asyncio.create_task(ledger.owed_of(debt.session_id))
            await disk.reached.wait()
            looking.cancel()
            await asyncio.wait([looking])
            assert looking.cancelled()
            disk.open()
        assert (await ledger.statistics()).quarantined == 1
        assert ledger.lost_track


async def test_an_altered_state_does_not_bring_a_closed_logout_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await close(ledger, await record(ledger, 1))
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET state = 'owed', closed_at = NULL")
    async with opened(tmp_path) as ledger:
        assert await all_due(ledger) == []
        assert (await ledger.statistics()).quarantined == 1


@pytest.mark.parametrize("state", ["closed", "bogus"])
async def test_an_alteration_that_hides_a_row_is_found_by_tidying(tmp_path: Path, state: str) -> None:
    async with opened(tmp_path) as ledger:
        await asyncio.gather(*(record(ledger, number) for number in range(450)))
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET state = ?, closed_at = 1.0 * id WHERE id = 450", (state,))
    async with opened(tmp_path, clock=SetClock(60.0)) as ledger:
        for _ in range(3):
            await ledger.tidy()
        assert [debt.id for debt in await ledger.listing(states=[LogoutState.WAITING])] == [450]


@pytest.mark.parametrize(
    "written",
    [
        {"credential": msgspec.msgpack.encode([(b"authorization", b"\xff")])},
        {"credential": b"\xff"},
        {"state": "asleep"},
        {"outcome": '{"result":"postponed"}'},
        {"evictions": '{"memory":[["galaxy","A"]]}'},
        {"evictions": "[]"},
    ],
    ids=str,
)
async def test_a_verified_row_of_another_format_is_quarantined_and_stops_no_other(
    tmp_path: Path, written: dict[str, str | bytes]
) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
        readable = await record(ledger, 2)
    with raw(tmp_path) as file:
        rewrite(file, written)
    async with opened(tmp_path) as ledger:
        await ledger.tidy()
        assert [debt.id for debt in await all_due(ledger)] == [readable.id]
        await ledger.owed_evictions("memory")
        assert (await ledger.statistics()).quarantined == 1
        assert ledger.lost_track


def rewrite(file: sqlite3.Connection, written: dict[str, str | bytes]) -> None:
    """Write the first row as another version of this software might have, authentic in every column."""
    row = dict(zip(COLUMNS, file.execute(f"SELECT {', '.join(COLUMNS)} FROM debts WHERE id = 1").fetchone(), strict=True))
    row |= written
    if isinstance(plain := written.get("credential"), bytes):
        row["credential"] = KEYS.seal(PURPOSE, plain, row["session_id"].encode() + row["fingerprint"])
    *values, _ = row.values()
    row["mac"] = authentication.code(PURPOSE, values, EMPTY, KEYS, KEYS.current)
    file.execute(f"UPDATE debts SET {', '.join(f'{name} = ?' for name in row)} WHERE id = 1", (*row.values(),))


async def test_a_credential_of_another_row_does_not_fit(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1, "mine")
        await record(ledger, 2, "yours")
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET credential = (SELECT credential FROM debts WHERE id = 2) WHERE id = 1")
    async with opened(tmp_path) as ledger:
        assert [debt.id for debt in await all_due(ledger)] == [2]


async def test_a_row_that_was_copied_does_not_count(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
    others = ", ".join(COLUMNS[1:])
    with raw(tmp_path) as file:
        file.execute(f"INSERT INTO debts ({others}) SELECT {others} FROM debts")
    async with opened(tmp_path) as ledger:
        assert [debt.id for debt in await all_due(ledger)] == [1]


async def test_what_an_altered_row_claims_is_shown_as_printable_text(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET origin = CAST(x'1b5b324aff41' AS TEXT), session_id = char(10) || 'x'")
    async with opened(tmp_path) as ledger:
        assert await all_due(ledger) == []
        (shown,) = await ledger.listing()
    assert (shown.session_id, shown.origin) == ("\\nx", "\\x1b[2J\\udcffA")


async def test_after_a_rotation_duplicates_find_their_row_without_the_old_key(tmp_path: Path) -> None:
    async with opened(tmp_path, KEYS) as ledger:
        owed, waiting, closed = [await record(ledger, number) for number in (1, 2, 3)]
        await ledger.settle(waiting, state=LogoutState.WAITING, outcome=REFUSED)
        await close(ledger, closed)
    async with opened(tmp_path, ROTATED) as ledger:
        assert (await record(ledger, 1)).id == owed.id
        assert (await record(ledger, 3)).state is LogoutState.CLOSED
        await ledger.tidy()
    async with opened(tmp_path, ONLY_NEW) as ledger:
        assert (await ledger.statistics()).unreadable == 0
        assert [debt.id for debt in await all_due(ledger, START + 999)] == [owed.id]
        assert (await ledger.make_due(waiting.id)).credential == waiting.credential
        assert (await record(ledger, 2)).id == waiting.id
