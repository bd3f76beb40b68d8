"""What keeps a ledger from opening, and what becomes of one that is old, copied, or left by a killed server."""

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.schema import MIGRATIONS, expected_layout, layout, migrate, version
from connector.ledger.testing.sharing import shared
from connector.ledger.testing.ticking import idle, use
from connector.model.debts import LogoutState
from connector.model.errors import ConfigurationError, RefusedForNow
from connector.model.listed import SessionState, Wanted
from connector.model.outcomes import SHARED
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import Current
from tests.ledger.ledgers import (
    KEYS,
    NAME,
    START,
    all_due,
    damage,
    filled,
    ledger,
    open_,
    opened,
    raw,
    read_only,
    record,
    request,
    session,
)

FIXTURES = Path(__file__).parent / "fixtures"
FIXTURE_KEYS = Keyring({"fixture": b"f" * 32})


async def refusal(folder: Path, kind: type[ConfigurationError] = ConfigurationError) -> str:
    closed = ledger(folder)
    with pytest.raises(kind) as refused:
        await closed.open()
    await closed.aclose()
    return str(refused.value)


async def test_a_new_ledger_and_its_folder_are_nobody_elses(tmp_path: Path) -> None:
    async with opened(tmp_path / "var") as ledger:
        await record(ledger, 1)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
    assert {*modes.values()} == {0o600}
    assert {NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}.reserve", f"{NAME}.owner"} <= {*modes}
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


async def test_a_copy_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    await filled(tmp_path)
    (tmp_path / NAME).chmod(0o644)
    async with opened(tmp_path):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


async def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert f"another process (pid {os.getpid()}) uses it" in await refusal(tmp_path, RefusedForNow)
    async with opened(tmp_path):
        pass


async def test_a_file_that_another_program_has_locked_is_refused_for_now(tmp_path: Path) -> None:
    await filled(tmp_path)
    with raw(tmp_path) as file:
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("BEGIN IMMEDIATE")
        assert "database is locked" in await refusal(tmp_path, RefusedForNow)
    async with opened(tmp_path):
        pass


async def test_the_lock_of_a_process_that_was_killed_is_gone(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from connector.ledger.sqlite.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.acquire()
print("locked", flush=True)
input()
"""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / NAME), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    try:
        assert f"another process (pid {other.pid}) uses it" in await refusal(tmp_path)
    finally:
        other.send_signal(signal.SIGKILL)
        await other.wait()
    async with opened(tmp_path):
        pass


async def test_two_names_of_one_file_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    async with opened(tmp_path / "real"):
        assert "another process" in await refusal(tmp_path / "link")


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "ledger.path" in await refusal(tmp_path / "file" / "var")


async def test_a_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.execute("CREATE TABLE accounts (name TEXT)")
    before = (tmp_path / NAME).read_bytes()
    assert "another program" in await refusal(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


async def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    await filled(tmp_path)
    with raw(tmp_path) as file:
        file.execute("CREATE TABLE later (id TEXT)")
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = (tmp_path / NAME).read_bytes()
    assert f"has format {len(MIGRATIONS) + 1}" in await refusal(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


async def told_as_a_common_user(folder: Path) -> str:
    """Open the ledger in a process that root's rights do not help."""
    code = """
import os, sys
from pathlib import Path
from connector.model.errors import ConfigurationError
from connector.model.outcomes import SHARED
from connector.model.sessions import Current
from connector.ledger.sqlite.opening import make_ready, refusals
from tests.ledger.ledgers import KEYS
if os.getuid() == 0:
    os.setuid(65534)
try:
    with refusals(Path(sys.argv[1])):
        make_ready(Path(sys.argv[1]), KEYS, now=0)
except ConfigurationError as problem:
    print(problem)
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(folder / NAME), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    return (await child.communicate())[0].decode()


async def test_a_file_of_another_user_or_one_that_cannot_be_written_is_refused() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        await filled(folder)
        (folder / NAME).chmod(0o444)
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
            assert "belongs to the user with the id 0" in await told_as_a_common_user(folder)
            os.chown(folder / NAME, 65534, 65534)
        assert "is read-only" in await told_as_a_common_user(folder)


async def test_the_layout_of_version_1_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v1.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        owed, waiting, closed = await ledger.listing(states=[*LogoutState])
        assert (owed.state, owed.evictions) == (LogoutState.OWED, {"sqlite": request(1).scopes})
        assert (waiting.state, waiting.outcome and waiting.outcome.code) == (LogoutState.WAITING, "400")
        assert (closed.state, closed.closed_at) == (LogoutState.CLOSED, START)
        (due,) = await all_due(ledger)
        assert due.credential == request(1).credential
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)


async def test_the_layout_of_version_2_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v2.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        known = await ledger.known_sessions()
        assert known.logins == {request(3).session_id: "third", request(4).session_id: "fourth"}
        (due,) = await all_due(ledger)
        assert (due.credential, due.login_id, due.evictions) == (request(1).credential, "", {"sqlite": request(1).scopes})
        assert (await record(ledger, 1)).id == due.id
        assert (await record(ledger, 2, "u")).state is LogoutState.CLOSED
        third = await record(ledger, 3, "v", login="third")
        assert [debt.id for debt in await all_due(ledger)] == [due.id, third.id]
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_3_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v3.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        known = await ledger.known_sessions()
        assert known.logins == {request(3).session_id: "another", request(4).session_id: "fourth"}
        assert {(debt.login_id, debt.credential) for debt in await all_due(ledger)} == {
            ("first", request(1, "t").credential),
            ("third", request(3, "v").credential),
        }
        states = [debt.state for debt in await ledger.listing(states=[LogoutState.CLOSED, LogoutState.WAITING])]
        assert sorted(states) == [LogoutState.CLOSED, LogoutState.WAITING]
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_4_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v4.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        renewed = Current(request(1, "renewed").credential, 1)
        assert (await ledger.known_sessions()).renewed == {request(1).session_id: renewed}
        assert (await record(ledger, 1, "first", login="first")).credential == renewed.credential
        assert (await record(ledger, 2, "second", login="second")).credential == request(2, "renewed too").credential
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_5_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v5.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert (await ledger.known_sessions()).logins == {request(1).session_id: "l", request(2).session_id: "l"}
        assert (await record(ledger, 1, "one", login="l")).outcome == SHARED
        assert [debt.session_id for debt in await all_due(ledger)] == [request(3).session_id]
        await open_(ledger, shared(4, "other"))
        assert await all_due(ledger) == []
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_6_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v6.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert (await ledger.known_sessions()).logins == {request(1).session_id: "first", request(2).session_id: "second"}
        totals = await ledger.statistics()
        assert (totals.openings, totals.unknown) == (0, 1)
        assert await ledger.held_seats("pool") == HeldSeats(sessions=1, unknown=1, owed=1)
        assert [each.calls for each in await ledger.session_listing(Wanted(states=[SessionState.OPEN]))] == [3, 0]
        assert [await idle(ledger, unanswered_since=0), await idle(ledger, unused_since=0)] == [[2], [1, 2]]
        assert not (await ledger.open_session(session(3, "late", "third"), None, drivers=())).is_open
        assert {debt.credential for debt in await all_due(ledger)} == {
            request(3, "late").credential,
            request(4, "owed").credential,
        }
        assert await ledger.tick() == 2
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_7_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v7.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert (await ledger.known_sessions()).logins == {request(1).session_id: "first", request(2).session_id: "second"}
        assert [each.calls for each in await ledger.session_listing(Wanted(states=[SessionState.OPEN]))] == [3, 0]
        assert [await idle(ledger, unanswered_since=1), await idle(ledger, unused_since=0)] == [[2], [2]]
        assert await ledger.tick() == 2
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_8_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v8.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert len((await ledger.known_sessions()).logins) == 2
        lines = [(entry.id, entry.who, entry.action, entry.outcome) for entry in await ledger.audit_entries()]
        assert lines == [(2, "ada", "drain", None), (1, "ada", "close", "closed: verified")]
        assert not ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_the_layout_of_version_9_is_read_with_all_that_it_holds(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v9.sql").read_text("utf-8"))
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert len((await ledger.known_sessions()).logins) == 2
        await ledger.serve_from("sqlite 0123456789abcdef")
        assert not ledger.lost_track
        await ledger.serve_from("memory 0123456789abcdef")
        assert ledger.lost_track
    with raw(tmp_path) as file:
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_a_session_of_version_6_is_authenticated_apart_from_its_use_by_the_next_use(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v6.sql").read_text("utf-8"))
        file.execute("UPDATE sessions SET calls = 9 WHERE id = 2")
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert [*(await ledger.known_sessions()).logins] == [request(1).session_id], "an older row vouches for its use, too"
        await use(ledger, 1, login="first", moment=START + 99)
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET calls = 9")
        assert [*(await ledger.known_sessions()).logins] == [request(1).session_id]


def test_there_is_a_file_of_every_version_and_of_today_too() -> None:
    """A layout that changes leaves a file of itself behind, made by the code before the change."""
    versions = {}
    for fixture in FIXTURES.iterdir():
        with closing(sqlite3.connect(":memory:")) as file:
            file.executescript(fixture.read_text("utf-8"))
            versions[fixture.name] = version(file)
    assert versions == {f"v{number}.sql": number for number in range(1, len(MIGRATIONS) + 1)}


@pytest.mark.parametrize(
    ("fixture", "debts"),
    [
        ("v1.sql", 3),
        ("v2.sql", 2),
        ("v3.sql", 4),
        ("v4.sql", 1),
        ("v5.sql", 1),
        ("v6.sql", 1),
        ("v7.sql", 0),
        ("v8.sql", 0),
        ("v9.sql", 0),
    ],
)
def test_a_ledger_of_an_older_version_is_read_as_it_is_and_not_migrated(tmp_path: Path, fixture: str, debts: int) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / fixture).read_text("utf-8"))
    before = (tmp_path / NAME).read_bytes()
    assert [debt.unusable for debt in read_only(tmp_path / NAME, FIXTURE_KEYS)] == [None] * debts
    assert (tmp_path / NAME).read_bytes() == before


async def test_a_ledger_of_version_2_that_was_damaged_is_saved_into_one_of_today(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v2.sql").read_text("utf-8"))
        file.execute("DROP INDEX debts_due")
    async with opened(tmp_path, FIXTURE_KEYS) as ledger:
        assert ledger.lost_track
        assert len(await all_due(ledger)) == 1
        assert len((await ledger.known_sessions()).logins) == 2


def test_a_later_version_adds_what_it_needs_and_keeps_the_rest(tmp_path: Path) -> None:
    later = (*MIGRATIONS, "CREATE TABLE later (id TEXT PRIMARY KEY) STRICT;\nCREATE INDEX s ON later (id);\n")
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v1.sql").read_text("utf-8"))
        migrate(file, later)
        assert version(file) == len(later)
        assert file.execute("SELECT count(*) FROM debts").fetchone() == (3,)
        assert layout(file) == expected_layout(later)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        migrate(file)
        with pytest.raises(sqlite3.OperationalError):
            migrate(file, (*MIGRATIONS, "CREATE TABLE later (id TEXT);\nCREATE TABLE debts (id TEXT)"))
        assert version(file) == len(MIGRATIONS)
        assert layout(file) == expected_layout()


async def test_a_backup_made_by_sqlite_itself_opens(tmp_path: Path) -> None:
    await filled(tmp_path, 5)
    (tmp_path / "backup").mkdir()
    with raw(tmp_path) as file:
        file.execute("VACUUM INTO ?", (str(tmp_path / "backup" / NAME),))
    async with opened(tmp_path / "backup") as ledger:
        assert not ledger.lost_track
        assert len(await all_due(ledger)) == 5


async def test_an_analysed_ledger_is_no_damaged_one(tmp_path: Path) -> None:
    await filled(tmp_path, 5)
    with raw(tmp_path) as file:
        file.execute("ANALYZE")
    async with opened(tmp_path) as ledger:
        assert not ledger.lost_track


async def test_a_ledger_whose_server_was_killed_can_be_read_without_a_change(tmp_path: Path) -> None:
    async with opened(tmp_path / "live") as ledger:
        owed = await record(ledger, 1)
        await record(ledger, 2)
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
    with raw(tmp_path / "killed") as file:
        file.execute("UPDATE debts SET attempts = 9 WHERE id = 2")
        shutil.copytree(tmp_path / "killed", tmp_path / "read")
    files = [tmp_path / "read" / name for name in (NAME, f"{NAME}-wal")]
    before = [file.read_bytes() for file in files]
    first, second = read_only(tmp_path / "read" / NAME, KEYS)
    assert (first.id, first.session_id, first.credential, first.unusable) == (owed.id, owed.session_id, None, None)
    assert second.unusable is not None
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("kind", ["missing", "damaged"])
async def test_a_ledger_that_is_missing_or_damaged_is_not_read_but_told(tmp_path: Path, kind: str) -> None:
    if kind == "damaged":
        await filled(tmp_path)
        damage(tmp_path / NAME, 100)
    with pytest.raises(ConfigurationError, match=r"ledger\.path"):
        read_only(tmp_path / NAME, KEYS)
