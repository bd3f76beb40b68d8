"""Sessions as the file lists them: what is not to be believed is shown as such, and a file at rest says the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.sql.at_rest import LedgerAtRest
from connector.ledger.sqlite.reading import opened_read_only
from connector.model.listed import EVERY, ListedSession, SessionState, Wanted
from connector.model.sessions import Use
from tests.ledger.ledgers import KEYS, NAME, START, open_, opened, opening, raw, session
from tests.ledger.test_opening import FIXTURE_KEYS, FIXTURES


async def at_rest(folder: Path, keyring: Keyring = KEYS, wanted: Wanted = EVERY) -> list[ListedSession]:
    with opened_read_only(folder / NAME, keyring) as table:
        return await LedgerAtRest(table).session_listing(wanted)


async def test_a_file_at_rest_lists_the_same_but_logins_under_way_are_unknown(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in (1, 2):
            await open_(ledger, replace(session(number), is_shared=True))
        await ledger.begin_opening(opening(session(3)))
        await ledger.tick()
        await ledger.note_use({session(1).session_id: Use("l", START + 5, 3)})
        await ledger.tick()
        live = await ledger.session_listing()

    assert [each.idle for each in live] == [None, 1, 2]
    assert await at_rest(tmp_path) == [replace(live[0], state=SessionState.UNKNOWN), *live[1:]]
    assert [each.session_id for each in await at_rest(tmp_path, wanted=Wanted(idle=2))] == [session(2).session_id]


@pytest.mark.parametrize("column", ["system_id", "origin", "opened_at", "opened_tick", "credential"])
async def test_a_session_whose_row_was_altered_is_listed_as_one_that_cannot_be_used(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        with raw(tmp_path) as file:
            file.execute(
                f"UPDATE sessions SET {column} = ?", ({"credential": b"x", "origin": "x", "system_id": "x"}.get(column, 7),)
            )
        (listed,) = await ledger.session_listing()
        assert (listed.session_id, listed.unusable) == (
            session(1).session_id,
            "its authentication code is wrong: it was altered or damaged",
        )
        assert await ledger.open_by(session(1).session_id, "l") is None


async def test_an_opening_whose_row_was_altered_is_listed_as_one_that_cannot_be_used(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
        with raw(tmp_path) as file:
            file.execute("UPDATE openings SET system_id = 'x'")
        (listed,) = await ledger.session_listing()
        assert (listed.state, listed.unusable is None) == (SessionState.OPENING, False)


async def test_text_of_a_damaged_row_is_made_fit_to_be_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET session_id = CAST(? AS TEXT), system_id = ?", (b"\xff\x1b[2J", "x" * 1000))
        (listed,) = await ledger.session_listing()
        assert (listed.session_id, listed.system_id) == (r"\udcff\x1b[2J", "x" * 200)


@pytest.mark.parametrize(("fixture", "sessions"), [("v1.sql", 0), ("v3.sql", 2), ("v5.sql", 2)])
async def test_a_file_of_an_older_version_at_rest_lists_its_sessions(tmp_path: Path, fixture: str, sessions: int) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / fixture).read_text("utf-8"))
    listed = await at_rest(tmp_path, FIXTURE_KEYS, Wanted(states=[SessionState.OPEN]))
    assert [(each.unusable, each.calls) for each in listed] == [(None, 0)] * sessions
