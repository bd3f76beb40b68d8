"""A backup of a ledger in use, and the ledger that is made of it: nothing that was owed is lost, and nothing stays open."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.looking import opened_read_only as database_read
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.restored_database import restore as into_database
from connector.ledger.sql.bringing_back import Restored
from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.backup import About, back_up, opened_backup
from connector.ledger.sqlite.reading import opened_read_only as file_read
from connector.ledger.sqlite.restored_file import restore as into_file
from connector.ledger.testing.seating import POOL, cleaned_up, seated
from connector.ledger.testing.ticking import ticks
from connector.model.audit import Action, Actor, begun
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.errors import ConfigurationError
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import OpenSession, Renewal
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from tests.ledger.ledgers import (
    DRIVERS,
    KEYS,
    NAME,
    REFUSED,
    ROTATED,
    START,
    SetClock,
    all_due,
    close,
    damage,
    ledger,
    open_,
    opening,
    owed,
    record,
    session,
)
from tests.postgres import Postgres

LATER = START + 10
FILE = "ledger.backup"


@dataclass
class Place:
    """Where ledgers are made in one of the stores, each by its name."""

    folder: Path
    postgres: Postgres | None = None
    databases: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def opened(self, name: str = "old", keyring: Keyring = KEYS) -> AsyncIterator[Ledger]:
        if self.postgres is None:
            async with ledger(self.file(name).parent, keyring, SetClock()).opened() as in_file:
                yield in_file
        else:
            async with PostgresLedger(parsed(self.dsn(name), origin="x"), keyring, clock=SetClock()).opened() as in_database:
                yield in_database

    @contextmanager
    def read(self, name: str = "old", keyring: Keyring = KEYS) -> Iterator[Table]:
        opened = (
            file_read(self.file(name), keyring)
            if self.postgres is None
            else database_read(parsed(self.dsn(name), origin="x"), keyring)
        )
        with opened as table:
            yield table

    def back_up(self, name: str = "old", keyring: Keyring = KEYS, advance: Callable[[], None] = lambda: None) -> About:
        with self.read(name, keyring) as table:
            return back_up(self.folder / FILE, Snapshot(table), keyring, ledger=name, now=START, advance=advance)

    def restore(self, name: str = "new", keyring: Keyring = KEYS, *, replace: bool = False) -> Restored:
        entry = begun(Actor("alice", "command line"), Action.RESTORE, "ledger", LATER)
        with opened_backup(self.folder / FILE, keyring) as (backup, _):
            if self.postgres is None:
                return into_file(self.file(name), backup, keyring, entry, lambda: None, replace=replace)
            return into_database(parsed(self.dsn(name), origin="x"), backup, keyring, entry, lambda: None, replace=replace)

    def file(self, name: str) -> Path:
        (self.folder / name).mkdir(exist_ok=True)
        return self.folder / name / NAME

    def dsn(self, name: str) -> str:
        assert self.postgres is not None
        if name not in self.databases:
            self.databases[name] = self.postgres.dsn(self.postgres.new_database())
        return self.databases[name]


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, request.getfixturevalue("postgres") if request.param == "database" else None)


@pytest.fixture
def files(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_what_was_open_at_the_backup_of_a_ledger_in_use_is_owed_once_restored(place: Place) -> None:
    async with place.opened() as there:
        await open_(there, session(1))
        await open_(there, session(2, login="m"))
        place.back_up()
        await close(there, await record(there, 1, login="l"))

    ended = place.restore().ended

    async with place.opened("new") as there:
        assert ended == 2
        assert (await there.known_sessions()).logins == {}
        assert {debt.login_id for debt in await all_due(there)} == {"l", "m"}
        assert there.lost_track


async def test_the_seal_of_a_session_that_was_open_at_the_backup_is_dead_once_restored(place: Place) -> None:
    async with place.opened() as there:
        static = session(2, None, login="static")
        of_session = [session(1), static]
        for each in of_session:
            await open_(there, each)
        ledger_id = (await there.known_sessions()).ledger_id
        seals = [Sealed(each.session_id, each.system_id, each.login_id, ledger_id, each.credential) for each in of_session]
        place.back_up()

    place.restore()

    async with place.opened("new") as there:
        live = LiveSessions(there, SetClock())
        await live.load()
        assert [await live.is_alive(seal) for seal in seals] == [False, False]
        assert ledger_id in live.ledger_ids
        assert [await there.is_closed(each.session_id, each.login_id, each.credential) for each in of_session] == [True, True]


async def test_what_was_owed_waiting_or_under_way_at_the_backup_is_so_once_restored(place: Place) -> None:
    async with place.opened() as there:
        debts = [await record(there, number) for number in range(4)]
        await close(there, debts[0])
        await there.settle(debts[1], state=LogoutState.WAITING, outcome=REFUSED, evicted=DRIVERS)
        await there.begin_opening(opening(session(12)))
        await there.tick()
        before = await there.statistics()
        about = place.back_up()

    place.restore()

    async with place.opened("new") as there:
        after = await there.statistics()
        assert (after.owed, after.waiting, after.closed) == (before.owed, before.waiting, before.closed) == (2, 1, 1)
        assert (before.openings, after.openings, after.unknown) == (1, 0, 1)
        assert {debt.credential for debt in await owed(there)} >= {debts[2].credential, debts[3].credential}
        assert about.rows == {"debts": 4, "openings": 1, "ticks": 1}
        assert await there.tick() == 2


async def test_ids_that_debts_had_at_the_backup_are_not_given_again(place: Place) -> None:
    async with place.opened() as there:
        last = (await record(there, 1)).id
        await close(there, await there.debt(last))
        place.back_up()
    place.restore()

    async with place.opened("new") as there:
        assert (await record(there, 7)).id > last


async def test_several_sessions_of_one_login_are_ended_once(place: Place) -> None:
    async with place.opened() as there:
        for number in (1, 2):
            await open_(there, replace(session(number, login=f"l{number}"), is_shared=True))
        place.back_up()

    place.restore()

    async with place.opened("new") as there:
        assert len(await all_due(there)) == 1
        assert (await there.known_sessions()).logins == {}


async def test_a_session_whose_key_was_missing_stays_closed_with_its_key_put_back(place: Place) -> None:
    async with place.opened(keyring=ROTATED) as there:
        await open_(there, session(1))
        await record(there, 2)
    about = place.back_up()

    place.restore()

    async with place.opened("new", ROTATED) as there:
        totals = await there.statistics()
        assert ({*about.without_key.values()}, about.damaged) == ({2}, 0)
        assert (totals.sessions, totals.quarantined, totals.owed) == (0, 1, 1)


async def test_a_row_that_does_not_verify_goes_along_and_is_shown_after_the_restore(files: Place) -> None:
    async with files.opened() as there:
        await record(there, 1)
        await open_(there, session(2))
    with closing(sqlite3.connect(files.file("old"), isolation_level=None)) as connection:
        connection.execute("UPDATE debts SET origin = 'https://elsewhere.example.com'")
        connection.execute("UPDATE sessions SET origin = CAST(x'ff' AS TEXT)")

    about = files.back_up()
    files.restore()

    async with files.opened("new") as there:
        assert await there.listing(states=[*LogoutState])  # who looks at a row finds the damage
        totals = await there.statistics()
        assert (about.damaged, totals.quarantined, totals.owed, totals.sessions) == (2, 2, 0, 0)


async def test_a_backup_is_its_owners_alone_and_holds_no_key(files: Place) -> None:
    async with files.opened() as there:
        await open_(there, session(1))
        about = files.back_up()

    assert (files.folder / FILE).stat().st_mode & 0o777 == 0o600
    assert list(about.keys) == ["old"]
    content = (files.folder / FILE).read_bytes()
    assert b"o" * 32 not in content
    assert [path.name for path in files.folder.iterdir() if path.is_file()] == [FILE]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.chmod(0o640), "others may read it"),
        (lambda path: alter(path, "DELETE FROM debts WHERE id = 1"), "was altered or damaged"),
        (
            lambda path: alter(path, 'UPDATE backup SET about = replace(about, \'"ledger":"old"\', \'"ledger":"odd"\')'),
            "was altered or damaged",
        ),
        (lambda path: alter(path, "PRAGMA user_version = 900"), "has format 900"),
        (lambda path: path.write_bytes(path.read_bytes()[:8000]), "is damaged"),
        (lambda path: path.write_text("something else"), "no backup"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
async def test_a_backup_that_is_not_as_it_was_written_is_refused(
    files: Place, change: Callable[[Path], object], said: str
) -> None:
    async with files.opened() as there:
        for number in range(50):
            await record(there, number)
        files.back_up()
    change(files.folder / FILE)

    with pytest.raises(ConfigurationError, match=said):
        files.restore()

    assert not files.file("new").exists()


async def test_a_backup_without_one_of_its_keys_is_refused_and_the_key_named(files: Place) -> None:
    async with files.opened() as there:
        await open_(there, session(1))
        files.back_up()

    with pytest.raises(ConfigurationError, match="needs keys that are not there: old"):
        files.restore(keyring=Keyring({"old": b"z" * 32}))


async def test_a_ledger_that_is_there_stays_as_it_is(place: Place) -> None:
    async with place.opened() as there:
        place.back_up()
        await record(there, 1)

    with pytest.raises(ConfigurationError, match="a ledger is there already"):
        place.restore("old")

    async with place.opened() as there:
        assert (await there.statistics()).owed == 1


async def test_what_a_replaced_ledger_owed_or_had_open_is_owed_with_its_newest_credential(place: Place) -> None:
    async with place.opened() as there:
        for number in (1, 2):
            await open_(there, session(number, "at the backup", login=f"l{number}"))
        await there.begin_opening(opening(session(3, login="l3")))
        place.back_up()
        await close(there, await record(there, 1, "at the backup", login="l1"))
        await there.renew(renewal(session(2, login="l2"), "renewed"))
        await open_(there, session(3, "opened since", login="l3"))
        await record(there, 4, "owed since", login="l4")
        await there.begin_opening(opening(session(5, login="l5")))

    restored = place.restore("old", replace=True)

    async with place.opened() as there:
        found = {debt.login_id: token_of(debt) for debt in await all_due(there)}
        assert found == {"l1": "at the backup", "l2": "renewed", "l3": "opened since", "l4": "owed since"}
        totals = await there.statistics()
        assert (restored.ended, totals.sessions, totals.unknown, restored.unread) == (3, 0, 1, 0)
        assert [(line.who, line.action) for line in await there.audit_entries()] == [("alice", "restore")]


@pytest.mark.parametrize(("before", "since", "then"), [(40, 5, 38), (2, 30, 0)], ids=["of an older ledger", "of a younger one"])
async def test_a_login_that_outlives_a_replaced_ledger_is_as_old_as_before(
    place: Place, before: int, since: int, then: int
) -> None:
    """The counter is that of the backup from then on."""
    async with place.opened("elsewhere") as there:
        await ticks(there, before)
        place.back_up("elsewhere")
    async with place.opened() as there:
        await ticks(there, since - 2)
        await there.begin_opening(opening(session(1), POOL))
        debt = await cleaned_up(there, await seated(there, 2))
        await seated(there, 3)
        await there.settle(debt, state=LogoutState.WAITING, outcome=REFUSED)
        await ticks(there, 2)

    place.restore("old", replace=True)

    async with place.opened() as there:
        for each in await all_due(there):
            await there.settle(each, state=LogoutState.WAITING, outcome=REFUSED)
        assert await there.let_go_unknown(then) == []
        assert await there.held_seats(POOL) == HeldSeats(unknown=1, waiting=2)
        gone = await there.let_go_unknown(then + 1)
        assert (len(gone), await there.held_seats(POOL)) == (1, HeldSeats())


async def test_seals_of_a_replaced_ledger_are_dead(place: Place) -> None:
    async with place.opened("elsewhere"):
        place.back_up("elsewhere")
    async with place.opened() as there:
        await open_(there, session(1))
        ledger_id = (await there.known_sessions()).ledger_id

    place.restore("old", replace=True)

    async with place.opened() as there:
        live = LiveSessions(there, SetClock())
        await live.load()
        of_session = session(1)
        seal = Sealed(of_session.session_id, of_session.system_id, of_session.login_id, ledger_id, of_session.credential)
        assert not await live.is_alive(seal)


async def test_a_damaged_ledger_is_replaced_and_moved_aside(files: Place) -> None:
    async with files.opened() as there:
        for number in range(40):
            await record(there, number, login=f"l{number}")
        files.back_up()
        await record(there, 99, login="since")
    damage(files.file("old"), 0)

    files.restore("old", replace=True)

    async with files.opened() as there:
        assert {debt.login_id for debt in await all_due(there)} == {*(f"l{number}" for number in range(40)), "since"}
    assert [*files.file("old").parent.glob("*.replaced-*Z")]


async def test_a_ledger_with_rows_of_a_missing_key_is_not_replaced(place: Place) -> None:
    async with place.opened("elsewhere"):
        place.back_up("elsewhere")
    async with place.opened(keyring=ROTATED) as there:
        await record(there, 1)

    with pytest.raises(ConfigurationError, match="nobody would know of any more"):
        place.restore("old", replace=True)

    async with place.opened(keyring=ROTATED) as there:
        assert (await there.statistics()).owed == 1


async def test_rows_that_do_not_verify_stay_in_the_file_aside_and_are_counted(files: Place) -> None:
    async with files.opened() as there:
        files.back_up()
        for number in (1, 2):
            await record(there, number)
    with closing(sqlite3.connect(files.file("old"), isolation_level=None)) as connection:
        connection.execute("UPDATE debts SET origin = 'https://elsewhere.example.com' WHERE id = 1")

    restored = files.restore("old", replace=True)

    assert (restored.unread, restored.totals.owed) == (1, 1)


async def test_a_ledger_that_a_server_uses_is_not_restored(place: Place) -> None:
    async with place.opened() as there:
        place.back_up()
        with pytest.raises(ConfigurationError, match=r"uses it|expected no replica"):
            place.restore("old")
        assert await there.tick()


async def test_no_server_starts_with_a_backup_in_the_place_of_a_ledger(files: Place) -> None:
    async with files.opened():
        files.back_up()
    (files.folder / FILE).rename(files.file("new"))

    with pytest.raises(ConfigurationError, match="is a backup"):
        async with files.opened("new"):
            pass


async def test_a_backup_that_is_broken_off_leaves_nothing(files: Place) -> None:
    def break_off() -> None:
        raise KeyboardInterrupt

    async with files.opened() as there:
        await record(there, 1)
        with pytest.raises(KeyboardInterrupt):
            files.back_up(advance=break_off)

        assert [path.name for path in files.folder.iterdir()] == ["old"]
        assert (await there.statistics()).owed == 1


async def test_a_backup_never_takes_the_place_of_a_file(files: Place) -> None:
    (files.folder / FILE).write_text("a file")
    async with files.opened():
        with pytest.raises(ConfigurationError, match="is there already"):
            files.back_up()

    assert (files.folder / FILE).read_text() == "a file"


async def test_all_of_a_backup_is_of_one_moment(place: Place) -> None:
    async with place.opened() as there:
        await open_(there, session(1))
        with place.read() as table:
            snapshot = Snapshot(table)
            assert [*snapshot.rows("debts")] == []
            await record(there, 1, login="l")  # the session becomes a debt between the two
            assert len([*snapshot.rows("sessions")]) == 1


async def test_a_backup_of_one_store_is_restored_into_the_other(tmp_path: Path, postgres: Postgres) -> None:
    in_file, in_database = Place(tmp_path), Place(tmp_path, postgres)
    async with in_file.opened() as there:
        await open_(there, session(1))
        await record(there, 2)
    in_file.back_up()

    restored = in_database.restore()

    assert (restored.ended, restored.totals.owed) == (1, 2)


def renewal(of_session: OpenSession, token: str) -> Renewal:
    credential = Credential([("Authorization", f"Bearer {token}")])
    return Renewal(of_session.session_id, of_session.login_id, 0, credential)


def token_of(debt: Debt) -> str:
    assert debt.credential is not None
    return debt.credential["Authorization"].removeprefix("Bearer ")


def alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
