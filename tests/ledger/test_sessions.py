"""Open sessions in the ledger: kept across everything, and never without somebody who ends them."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.keyring import Keyring
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.sessions import OpenSession, Use
from connector.sessions.live import LiveSessions
from tests.ledger.ledgers import (
    KEYS,
    NAME,
    ONLY_NEW,
    ROTATED,
    START,
    all_due,
    logins,
    open_,
    opened,
    opening,
    owed,
    raw,
    record,
    session,
)
from tests.ledger.test_opening import FIXTURE_KEYS, FIXTURES


async def test_a_ledger_of_version_1_takes_sessions_and_has_an_identity_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with raw(folder) as file:
            file.executescript((FIXTURES / "v1.sql").read_text("utf-8"))
        async with opened(folder, FIXTURE_KEYS) as ledger:
            await open_(ledger, session(7))
            ids.add((await ledger.known_sessions()).ledger_id)
            assert len(await ledger.listing(states=[*LogoutState])) == 3
    assert len(ids) == 2


async def test_an_unverified_row_outlives_an_initialize_and_goes_with_its_seal(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "old", "first"))
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET opened_at = 1.0")
        await open_(ledger, session(1, "new", "second"))
        assert (await ledger.known_sessions()).damaged == 1
        await record(ledger, 1, "old", login="first")
        assert (await ledger.known_sessions()).damaged == 0
        assert {debt.login_id for debt in await owed(ledger)} == {"first", "second"}


async def test_use_is_written_down_and_never_goes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        for moment in (START + 5, START + 3):
            await ledger.note_use({session(1).session_id: Use("l", moment)})
        with raw(tmp_path) as file:
            assert file.execute("SELECT used_at FROM sessions").fetchall() == [(START + 5,)]
        assert (await ledger.known_sessions()).damaged == 0


@pytest.mark.parametrize("column", ["system_id", "origin", "owner", "opened_at", "tick", "seat"])
async def test_an_opening_that_was_altered_becomes_no_session_and_its_login_is_owed(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
        with raw(tmp_path) as file:
            altered = {"opened_at": 1.0, "owner": b"x", "tick": 7, "seat": b"x"}.get(column, "x")
            file.execute(f"UPDATE openings SET {column} = ?", (altered,))
        assert not (await ledger.open_session(session(1), None, drivers=())).is_open
        assert [debt.login_id for debt in await owed(ledger)] == ["l"]


async def test_an_opening_that_a_cleanup_has_overtaken_stays_so_when_it_is_altered(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
        await record(ledger, 1, "another")
        with raw(tmp_path) as file:
            file.execute("UPDATE openings SET overtaken = 0")
        assert not (await ledger.open_session(session(1), None, drivers=())).is_open


@pytest.mark.parametrize("column", ["session_id", "system_id", "origin", "login_id", "opened_at", "credential"])
async def test_a_row_that_was_altered_is_not_believed_and_leads_to_no_request(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
    with raw(tmp_path) as file:
        altered = {"opened_at": 1.0, "credential": b"x"}.get(column, "x")
        file.execute(f"UPDATE sessions SET {column} = ?", (altered,))
    async with opened(tmp_path) as ledger:
        with capture_logs() as logs:
            live = LiveSessions(ledger)
            await live.load()
        assert [line["sessions"] for line in logs if line["log_level"] == "error"] == [1]
        assert not live.is_open_here(session(1).session_id)
        cleanup = await record(ledger, 1, "other")
        assert [debt.id for debt in await all_due(ledger)] == [cleanup.id]


async def test_a_missing_key_of_open_sessions_is_warned_of_and_a_rotation_keeps_it(tmp_path: Path) -> None:
    async def warnings(keyring: Keyring) -> list[int]:
        with capture_logs() as logs:
            async with opened(tmp_path, keyring) as ledger:
                await ledger.tidy()
                await LiveSessions(ledger).load()
        return [line["sessions"] for line in logs if line["event"].startswith("open sessions need a key")]

    async with opened(tmp_path, KEYS) as ledger:
        await open_(ledger, session(1))
    assert await warnings(ROTATED) == []
    assert await warnings(ONLY_NEW) == [1]
    assert await warnings(ROTATED) == []


async def test_an_older_key_is_named_for_as_long_as_open_sessions_need_it(tmp_path: Path) -> None:
    async def told(keyring: Keyring) -> tuple[list[dict[str, int]], int, int, Mapping[str, int]]:
        with capture_logs() as logs:
            async with opened(tmp_path, keyring) as ledger:
                await ledger.tidy()
                await LiveSessions(ledger).load()
                totals = await ledger.statistics()
        warned = [line["sessions_by_key"] for line in logs if "sessions_by_key" in line]
        return warned, totals.sessions, totals.unreadable, totals.older_keys

    async with opened(tmp_path, KEYS) as ledger:
        await open_(ledger, session(1))
        await open_(ledger, session(2))
    assert await told(KEYS) == ([], 2, 0, {})
    assert await told(ROTATED) == ([{"old": 2}], 2, 0, {"old": 2})
    assert await told(ONLY_NEW) == ([], 2, 2, {"old": 2})
    async with opened(tmp_path, ROTATED) as ledger:
        await open_(ledger, session(3))
        for number in (1, 2):
            await record(ledger, number, login="l")
    assert await told(ROTATED) == ([], 1, 0, {})


async def test_open_sessions_are_saved_from_a_damaged_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(100):
            await open_(ledger, session(number))
        before = (await ledger.known_sessions()).ledger_id
    with raw(tmp_path) as file:
        file.execute("PRAGMA journal_mode = DELETE")
        page_size = file.execute("PRAGMA page_size").fetchone()[0]
        page = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'debts_due'").fetchone()[0]
    with (tmp_path / NAME).open("r+b") as file:
        file.seek((page - 1) * page_size)
        file.write(b"\xff" * page_size)
    async with opened(tmp_path) as ledger:
        assert ledger.lost_track
        assert len(await logins(ledger)) == 100
        assert (await ledger.known_sessions()).ledger_id != before


async def test_no_credential_of_an_open_session_is_in_any_file(tmp_path: Path) -> None:
    marked = OpenSession("s", "A", "", "l", START, START, Credential([("Authorization", "c4n4ry")]))
    async with opened(tmp_path) as ledger:
        await open_(ledger, marked)
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"c4n4ry" in path.read_bytes()]
    assert "c4n4ry" not in repr(marked)


async def test_after_tidying_a_login_is_found_by_its_seal_without_the_old_key(tmp_path: Path) -> None:
    async with opened(tmp_path, KEYS) as ledger:
        debt = await record(ledger, 1, login="l")
    async with opened(tmp_path, ROTATED) as ledger:
        await ledger.tidy()
    async with opened(tmp_path, ONLY_NEW) as ledger:
        assert (await record(ledger, 1, login="l")).id == debt.id
