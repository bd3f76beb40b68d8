"""Open sessions in the ledger: kept across everything, and never without somebody who ends them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.keyring import Keyring
from connector.ledger.sqlite import session_rows
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.sessions import OpenSession
from connector.sessions.live import LiveSessions
from tests.ledger.ledgers import KEYS, NAME, ONLY_NEW, ROTATED, START, all_due, close, opened, raw, record, request
from tests.ledger.test_opening import FIXTURE_KEYS, FIXTURES


def session(number: int, token: str | None = "t", login: str = "l") -> OpenSession:
    asked = request(number, token or "")
    credential = asked.credential if token is not None else None
    return OpenSession(asked.session_id, "A", "https://desk.example.com", login, START, START, credential)


async def open_(ledger: SqliteLedger, opening: OpenSession, replaced: OpenSession | None = None) -> None:
    await ledger.transact(lambda table: session_rows.open_session(table, opening, replaced=replaced, now=START))


async def logins(ledger: SqliteLedger) -> dict[str, str]:
    return dict((await ledger.known_sessions()).logins)


async def owed(ledger: SqliteLedger) -> list[Debt]:
    return [debt for debt in await all_due(ledger) if debt.credential is not None]


async def test_an_open_session_survives_and_owes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
    async with opened(tmp_path) as ledger:
        assert await logins(ledger) == {session(1).session_id: "l"}
        assert await ledger.listing(states=[*LogoutState]) == []


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


async def test_a_cleanup_closes_no_login_that_was_opened_after_it_was_received(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "old", "first"))
        await open_(ledger, session(1, "new", "second"))
        await ledger.record(request(1, "old", login="first"), origin="", drivers=[], logins=["first"])
        assert await logins(ledger) == {session(1).session_id: "second"}
        assert [debt.credential for debt in await owed(ledger)] == [request(1, "old").credential]


async def test_a_new_login_makes_the_old_one_a_debt_that_is_due_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "old", "first"))
        await open_(ledger, session(1, "new", "second"))
        (debt,) = await all_due(ledger, now=START)
        assert debt.credential == request(1, "old").credential
        assert await logins(ledger) == {session(1).session_id: "second"}


async def test_the_same_credential_once_more_is_the_same_login_and_owes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "same", "first"), None)
        await open_(ledger, session(1, "same", "second"), session(1, "same", "first"))
        assert await all_due(ledger) == []


async def test_a_credential_that_is_handed_out_again_is_neither_owed_nor_closed_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await close(ledger, await record(ledger, 1, "closed"))
        await record(ledger, 2, "owed")
        await open_(ledger, session(1, "closed"))
        await open_(ledger, session(2, "owed"))
        assert await owed(ledger) == []
        again = await record(ledger, 1, "closed")
        assert again.state is LogoutState.OWED


async def test_a_cleanup_turns_the_session_into_its_debt_in_one_step(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        debt = await record(ledger, 1, login="l")
        assert await logins(ledger) == {}
        assert [each.id for each in await all_due(ledger)] == [debt.id]


async def test_a_cleanup_with_another_credential_owes_the_sessions_own_login_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "own"))
        await record(ledger, 1, "other")
        assert {debt.credential for debt in await owed(ledger)} == {request(1, token).credential for token in ("own", "other")}


async def test_a_session_without_a_login_leaves_no_debt(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, None, "first"))
        await open_(ledger, session(1, None, "second"))
        await ledger.transact(lambda table: session_rows.close_session(table, session(1).session_id, login_id="", now=START))
        assert await ledger.listing(states=[*LogoutState]) == []
        assert await logins(ledger) == {}


async def test_a_login_that_is_owed_twice_is_one_debt(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for _ in range(2):
            await ledger.transact(lambda table: session_rows.owe(table, session(1), now=START))
        assert len(await all_due(ledger)) == 1


async def test_a_login_that_is_made_once_more_after_it_was_ended_is_owed_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for login in ("l", ""):
            await close(ledger, await record(ledger, 1, login=login))
        await ledger.transact(lambda table: session_rows.owe(table, session(1), now=START))
        (debt,) = await all_due(ledger)
        assert debt.credential == request(1).credential
        await close(ledger, debt)
        assert (await record(ledger, 1, login="l")).state is LogoutState.CLOSED


async def test_one_credential_by_two_seals_is_two_logins_and_by_one_seal_one_login(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        first = await record(ledger, 1, login="first")
        await close(ledger, first)
        second = await record(ledger, 1, login="second")
        assert (second.state, second.id) == (LogoutState.OWED, (await record(ledger, 1, login="second")).id)
        assert (await record(ledger, 1, login="first")).id == first.id


async def test_a_late_duplicate_of_an_earlier_life_with_one_credential_ends_the_new_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, login="first"))
        await close(ledger, await record(ledger, 1, login="first"))
        await open_(ledger, session(1, login="second"))
        assert (await record(ledger, 1, login="first")).state is LogoutState.CLOSED
        assert await logins(ledger) == {}
        assert [debt.login_id for debt in await all_due(ledger)] == ["second"]


async def test_an_initialize_does_not_owe_again_the_ended_login_of_its_old_seal(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as ledger:
        await close(ledger, await record(ledger, 1, "old", login="first"))
        await open_(ledger, session(1, "new", "second"), replaced=session(1, "old", "first"))
        assert await all_due(ledger) == []


async def test_a_login_is_found_by_its_seal_after_a_rotation_of_the_keys(tmp_path: Path) -> None:
    async with opened(tmp_path, KEYS) as ledger:
        debt = await record(ledger, 1, login="l")
    async with opened(tmp_path, ROTATED) as ledger:
        await ledger.tidy()
    async with opened(tmp_path, ONLY_NEW) as ledger:
        assert (await record(ledger, 1, login="l")).id == debt.id


async def test_a_session_whose_key_is_missing_is_opened_anew_beside_its_row_which_stays(tmp_path: Path) -> None:
    async with opened(tmp_path, KEYS) as ledger:
        await open_(ledger, session(1, "old", "first"))
    async with opened(tmp_path, ONLY_NEW) as ledger:
        await open_(ledger, session(1, "new", "second"))
        assert (await ledger.known_sessions()).keyless == 1
        assert await logins(ledger) == {session(1).session_id: "second"}
    async with opened(tmp_path, ROTATED) as ledger:
        assert await logins(ledger) == {session(1).session_id: "second"}
        await record(ledger, 1, "new", login="second")
        assert {debt.credential for debt in await owed(ledger)} == {request(1, token).credential for token in ("old", "new")}
        assert await logins(ledger) == {}


async def test_an_unverified_row_outlives_an_initialize_and_goes_with_its_seal(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1, "old", "first"))
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET used_at = 1.0")
        await open_(ledger, session(1, "new", "second"))
        assert (await ledger.known_sessions()).damaged == 1
        await record(ledger, 1, "old", login="first")
        assert (await ledger.known_sessions()).damaged == 0
        assert {debt.login_id for debt in await owed(ledger)} == {"first", "second"}


async def test_use_is_written_down_and_never_goes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        for moment in (START + 5, START + 3):
            await ledger.transact(partial(session_rows.note_use, used={session(1).session_id: moment}))
        with raw(tmp_path) as file:
            assert file.execute("SELECT used_at FROM sessions").fetchall() == [(START + 5,)]
        assert (await ledger.known_sessions()).damaged == 0


@pytest.mark.parametrize("column", ["session_id", "system_id", "origin", "login_id", "opened_at", "used_at", "credential"])
async def test_a_row_that_was_altered_is_not_believed_and_leads_to_no_request(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
    with raw(tmp_path) as file:
        altered = {"opened_at": 1.0, "used_at": 1.0, "credential": b"x"}.get(column, "x")
        file.execute(f"UPDATE sessions SET {column} = ?", (altered,))
    async with opened(tmp_path) as ledger:
        with capture_logs() as logs:
            live = LiveSessions(ledger)
            await live.load()
        assert [line["sessions"] for line in logs if line["log_level"] == "error"] == [1]
        assert not live.is_open_here(session(1).session_id)
        await ledger.transact(lambda table: session_rows.close_session(table, session(1).session_id, login_id="", now=START))
        assert await all_due(ledger) == []


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
