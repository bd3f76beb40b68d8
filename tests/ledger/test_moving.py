"""A ledger's file moves into a database: all of it, once, and no server starts with the file again."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace as debt_with

from connector.ledger.port import Ledger
from connector.ledger.postgres.address import Address, parsed
from connector.ledger.postgres.adopting import Adoption
from connector.ledger.postgres.arriving import Connection, arrive
from connector.ledger.postgres.departing import departing
from connector.ledger.postgres.layouts import migrate
from connector.ledger.postgres.noted_in_database import noting
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sql.moving import COLUMNS
from connector.ledger.sqlite.leaving import Leaving, leaving
from connector.ledger.sqlite.moving_in import move_in
from connector.ledger.testing.seating import POOL, UNPROVED, cleaned_up, seated
from connector.ledger.testing.ticking import ticks
from connector.model.audit import Action, Actor, AuditEntry, begun, ended
from connector.model.debts import LogoutState
from connector.model.errors import ConfigurationError, LedgerUnavailable
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import OpenSession
from connector.sessions.fleet import FleetSessions
from connector.sessions.seal import Sealed
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.ledger.ledgers import (
    DRIVERS,
    KEYS,
    KEYS_LINE,
    NAME,
    REFUSED,
    ROTATED,
    START,
    SetClock,
    all_due,
    close,
    logins,
    open_,
    opened,
    opening,
    raw,
    record,
    session,
)
from tests.postgres import PASSWORD, Postgres

MOVED = begun(Actor("ada", "command line"), Action.COPY_LEDGER, "ledger x", START)
ADOPTION = Adoption(KEYS, idle_for=1, entry=MOVED)
"""A session is idle here after two ticks."""


LOSES_DEBTS = b"CREATE RULE lost AS ON INSERT TO debts DO INSTEAD NOTHING"
"""For a database that has them no more when they are looked for."""


class BrokenOff(Exception):
    """What ends a move halfway."""


class BrokenOffSource:
    """A source that is marked, and with which nothing happens afterwards."""

    def __init__(self, file: Leaving) -> None:
        self.path, self.ids, self.last_id, self.rows, self.size = file.path, file.ids, file.last_id, file.rows, file.size
        self.moved_to, self.must_verify = file.moved_to, file.must_verify
        self._file = file

    def mark(self, target: str) -> None:
        self._file.mark(target)
        raise BrokenOff


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return parsed(postgres.dsn(postgres.new_database()), origin="x")


def database(address: Address, clock: SetClock | None = None) -> PostgresLedger:
    return PostgresLedger(address, KEYS, clock=clock or SetClock())


async def filled(ledger: Ledger) -> None:
    """Put one of everything into it."""
    debts = [await record(ledger, number) for number in range(4)]
    await close(ledger, debts[0])
    await ledger.settle(debts[1], state=LogoutState.WAITING, outcome=REFUSED, evicted=DRIVERS)
    for number in (10, 11):
        await open_(ledger, session(number))
    await ledger.begin_opening(opening(session(12)))
    await ledger.tick()
    entries = [AuditEntry(bytes([number]), START, "ada", "control socket", "retry", f"owed {number}") for number in range(3)]
    for entry in (*entries, ended(entries[1], "due now")):
        await ledger.note_action(entry)


def move(folder: Path, address: Address) -> bool:
    with leaving(folder / NAME, KEYS) as file:
        return arrive(address, file, ADOPTION, lambda: None)


async def told(ledger: Ledger) -> tuple[object, ...]:
    """All that a ledger tells of what is in it, apart from when debts are due: a start lets go what nobody tries any more."""
    rows, due = [
        [debt_with(each, due_at=0.0) for each in debts]
        for debts in (await ledger.listing(states=[*LogoutState]), await all_due(ledger))
    ]
    listed = [replace(each, place=0) for each in await ledger.session_listing()]
    totals = replace(await ledger.statistics(), bytes=0)
    actions = [line for line in await ledger.audit_entries() if line.word != MOVED.word]
    return rows, sorted(listed, key=str), totals, await ledger.known_sessions(), due, actions


async def test_all_that_a_file_told_the_database_tells(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        await filled(ledger)
    async with opened(tmp_path) as ledger:
        before = await told(ledger)

    assert not move(tmp_path, address)

    async with database(address).opened() as ledger:
        assert await told(ledger) == before
        assert await ledger.tick() == 2


async def test_no_server_starts_with_a_file_that_has_moved(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path):
        pass
    move(tmp_path, address)

    with pytest.raises(ConfigurationError) as refused:
        async with opened(tmp_path):
            pass

    assert refused.value.problems == [
        f'ledger.path: {tmp_path / NAME}: was moved to {address}; expected ledger.store = "postgres"'
    ]


async def test_a_move_that_was_broken_off_is_begun_again_and_then_done_once(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        await filled(ledger)

    with pytest.raises(BrokenOff), leaving(tmp_path / NAME, KEYS) as file:
        arrive(address, BrokenOffSource(file), ADOPTION, lambda: None)
    with pytest.raises(ConfigurationError, match="was moved to"):
        async with opened(tmp_path):
            pass
    assert not move(tmp_path, address)
    assert move(tmp_path, address)

    async with database(address).opened() as there:
        assert (await there.statistics()).sessions == 2


async def test_a_file_that_the_database_cannot_take_stays_usable(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, replace(session(1), system_id="a\0b"))

    with pytest.raises(ConfigurationError, match="NUL"):
        move(tmp_path, address)

    async with opened(tmp_path) as ledger:
        assert (await ledger.statistics()).sessions == 1


@pytest.mark.parametrize(
    ("is_new", "said"),
    [(True, "what was read again from debts is not what was written"), (False, "1 of the rows were not there")],
    ids=["into an empty database", "beside another ledger"],
)
async def test_a_move_whose_rows_do_not_arrive_leaves_all_as_it_was(
    tmp_path: Path, address: Address, is_new: bool, said: str
) -> None:
    if not is_new:
        async with database(address).opened() as there:
            await there.tick()
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
    with address.connect() as connection:
        migrate(connection)
        connection.execute(LOSES_DEBTS)

    with pytest.raises(ConfigurationError, match=said):
        move(tmp_path, address)

    async with opened(tmp_path) as ledger, database(address).opened() as there:
        assert ((await ledger.statistics()).owed, len((await there.known_sessions()).adopted)) == (1, 0)


async def test_ids_that_debts_had_are_not_given_again(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        last = max([(await record(ledger, number)).id for number in range(3)])
    with raw(tmp_path) as connection:
        connection.execute("DELETE FROM debts WHERE id = ?", (last,))
    move(tmp_path, address)

    async with database(address).opened() as there:
        assert (await record(there, 7)).id > last


async def test_two_files_move_into_one_database_which_has_the_rows_of_both(tmp_path: Path, address: Address) -> None:
    for number, folder in enumerate((tmp_path / "one", tmp_path / "two")):
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(10 + number, login=f"l{number}"))
            await record(ledger, 20 + number)
            await ledger.begin_opening(opening(session(30 + number)))
            await ledger.note_action(AuditEntry(bytes([number]), START, "ada", "here", "retry", f"owed {number}"))
        assert not move(folder, address)

    async with database(address).opened() as there:
        totals = await there.statistics()
        assert (totals.sessions, totals.owed, totals.unknown) == (2, 2, 2)
        assert len({debt.id for debt in await all_due(there)}) == 2
        assert [entry.target for entry in await there.audit_entries()] == ["owed 1", "ledger x", "owed 0"]
        known = await there.known_sessions()
        assert {known.ledger_id, *known.adopted} == {*ids(tmp_path / "one"), *ids(tmp_path / "two")}


async def test_the_seals_of_each_file_hold_in_the_database_and_no_others(tmp_path: Path, address: Address) -> None:
    seals = [seal_of(session(9, login="stranger"), b"a ledger that has not moved")]
    for number, name in enumerate(("one", "two")):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(number, login=name))
            seals.append(seal_of(session(number, login=name), (await ledger.known_sessions()).ledger_id))
        move(folder, address)

    async with database(address).opened() as there:
        live = FleetSessions(there, SetClock())
        await live.load()
        stranger, *moved = seals
        assert [await live.is_alive(each) for each in moved] == [True, True]
        with pytest.raises(LedgerUnavailable, match="of another ledger"):
            await live.is_alive(stranger)


async def test_files_that_have_moved_move_no_more_and_one_that_has_not_still_does(tmp_path: Path, address: Address) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        async with opened(folder) as ledger:
            await record(ledger, 1 if folder.name == "one" else 2)
    move(tmp_path / "one", address)
    with pytest.raises(BrokenOff), leaving(tmp_path / "two" / NAME, KEYS) as file:
        arrive(address, BrokenOffSource(file), ADOPTION, lambda: None)

    again = [move(tmp_path / name, address) for name in ("one", "two", "two")]

    async with database(address).opened() as there:
        assert (again, (await there.statistics()).owed) == ([True, False, True], 2)


async def test_a_debt_in_one_file_beats_the_open_session_in_the_other(tmp_path: Path, address: Address) -> None:
    for folder in (tmp_path / "open", tmp_path / "ended"):
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(1))
            if folder.name == "ended":
                await record(ledger, 1, login="l")
        move(folder, address)

    async with database(address).opened() as there:
        assert (await logins(there), [debt.login_id for debt in await all_due(there)]) == ({}, ["l"])


async def test_an_open_session_that_the_database_knows_as_ended_arrives_owed_once(tmp_path: Path, address: Address) -> None:
    for name in ("ended", "open"):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(1))
            if name == "ended":
                await record(ledger, 1, login="l")
        move(folder, address)

    async with database(address).opened() as there:
        assert (await logins(there), [debt.login_id for debt in await all_due(there)]) == ({}, ["l"])


async def test_of_two_logins_by_which_files_know_a_session_as_open_one_is_owed(tmp_path: Path, address: Address) -> None:
    for login in ("first", "second"):
        folder = tmp_path / login
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(1, login, login))
        move(folder, address)

    async with database(address).opened() as there:
        owed = {debt.login_id for debt in await all_due(there)}
        assert (set((await logins(there)).values()), owed) == ({"first"}, {"second"})


async def test_a_session_that_was_idle_for_long_arrives_owed(tmp_path: Path, address: Address) -> None:
    for name in ("first", "idle"):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(1 if name == "first" else 2, login=name))
            for _ in range(2):
                await ledger.tick()
            await open_(ledger, session(3 if name == "first" else 4, login=f"{name} late"))
        move(folder, address)

    async with database(address).opened() as there:
        assert set((await logins(there)).values()) == {"first", "first late", "idle late"}
        assert [debt.login_id for debt in await all_due(there)] == ["idle"]


@pytest.mark.parametrize(("there", "here", "age", "then"), [(50, 7, 3, 47), (50, 7, 6, 44), (2, 40, 9, 0), (40, 40, 1, 39)])
async def test_what_waits_for_the_end_of_its_login_is_as_old_as_before_a_move(
    tmp_path: Path, address: Address, *, there: int, here: int, age: int, then: int
) -> None:
    """Each ledger counts by itself for how long servers have run with it."""
    async with database(address).opened() as fleet:
        await ticks(fleet, there)
    for name, number in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as ledger:
            await ticks(ledger, here - age)
            await ledger.begin_opening(opening(session(number, login=name), POOL))
            await unproved(ledger, 10 + number)
            await ticks(ledger, age)
        move(tmp_path / name, address)

    async with database(address).opened() as fleet:
        assert await fleet.let_go_unknown(then) == []
        assert await fleet.held_seats(POOL) == HeldSeats(unknown=2, unproved=2)
        gone = await fleet.let_go_unknown(then + 1)
        assert ({each.login_id for each in gone}, await fleet.held_seats(POOL)) == ({"one", "two"}, HeldSeats())


async def test_an_idle_session_that_arrives_owed_keeps_its_seat_for_as_long_as_before(tmp_path: Path, address: Address) -> None:
    async with database(address).opened() as fleet:
        await ticks(fleet, 50)
    async with opened(tmp_path) as ledger:
        await seated(ledger, 1)
        await ticks(ledger, 4)
    move(tmp_path, address)

    async with database(address).opened() as fleet:
        await fleet.settle((await all_due(fleet))[0], state=LogoutState.WAITING, outcome=REFUSED)
        await fleet.let_go_unknown(46)
        assert await fleet.held_seats(POOL) == HeldSeats(waiting=1)
        await fleet.let_go_unknown(47)
        assert await fleet.held_seats(POOL) == HeldSeats()


@pytest.mark.parametrize("changed", ["DELETE FROM ticks", "UPDATE ticks SET number = 1000000"], ids=["lost", "altered"])
async def test_a_login_from_a_file_whose_counter_is_not_to_be_believed_is_kept(
    tmp_path: Path, address: Address, changed: str
) -> None:
    async with database(address).opened() as fleet:
        await ticks(fleet, 50)
    async with opened(tmp_path) as ledger:
        await ticks(ledger, 3)
        await ledger.begin_opening(opening(session(1)))
    with raw(tmp_path) as connection:
        connection.execute(changed)
    move(tmp_path, address)

    async with database(address).opened() as fleet:
        assert await fleet.let_go_unknown(50) == []


async def unproved(ledger: Ledger, number: int) -> None:
    """Have a logout closed that may not have ended its login."""
    debt = await cleaned_up(ledger, await seated(ledger, number))
    await ledger.settle(debt, state=LogoutState.CLOSED, outcome=UNPROVED, evicted=DRIVERS)


async def test_a_file_with_rows_of_a_missing_key_joins_no_ledger_and_stays_usable(tmp_path: Path, address: Address) -> None:
    for name, keyring in (("one", KEYS), ("other", ROTATED)):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder, keyring) as ledger:
            await record(ledger, 1)
    move(tmp_path / "one", address)

    with pytest.raises(ConfigurationError, match="is not in the keyring: put its line after the others"):
        move(tmp_path / "other", address)

    async with opened(tmp_path / "other", ROTATED) as ledger:
        assert (await ledger.statistics()).owed == 1


async def test_what_two_files_told_goes_back_into_one_with_both_identities(tmp_path: Path, address: Address) -> None:
    for number, name in enumerate(("one", "two")):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder) as ledger:
            await open_(ledger, session(number, login=name))
        move(folder, address)
    move_back(tmp_path, address)

    async with opened(tmp_path) as ledger:
        known = await ledger.known_sessions()
        assert ({*known.logins.values()}, len(known.adopted)) == ({"one", "two"}, 1)


def seal_of(session: OpenSession, ledger_id: bytes) -> Sealed:
    return Sealed(session.session_id, session.system_id, session.login_id, ledger_id, session.credential)


def ids(folder: Path) -> list[bytes]:
    with raw(folder) as connection:
        return [bytes(id_) for (id_,) in connection.execute("SELECT id FROM identity")]


async def test_a_database_that_replicas_use_takes_no_ledger(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path):
        pass
    async with database(address).opened():
        with pytest.raises(ConfigurationError, match="expected no replica on it: "):
            move(tmp_path, address)


async def test_a_file_that_a_server_uses_does_not_move(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path):
        with pytest.raises(ConfigurationError, match="another process"):
            move(tmp_path, address)


async def test_rows_that_do_not_verify_stay_behind_and_the_cache_is_invalidated(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(3):
            await record(ledger, number)
    with raw(tmp_path) as connection:
        connection.execute("UPDATE debts SET origin = 'https://elsewhere.example.com' WHERE id = 2")
    move(tmp_path, address)

    async with database(address).opened() as ledger:
        assert ((await ledger.statistics()).owed, ledger.lost_track) == (2, True)


async def test_a_file_moves_by_a_command_that_shows_no_password(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}
    assert (await connector("check-config", folder=tmp_path, environ=environ)).exit_code == 0
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)

    first, again = [await connector("ledger", "copy", NAME, "LEDGER_DSN", folder=tmp_path, environ=environ) for _ in range(2)]

    assert first.exit_code == again.exit_code == 0
    assert "and read again" in first.out
    assert "was moved to 127.0.0.1" in again.out
    assert PASSWORD not in first.out + first.err + again.out + again.err


async def test_a_person_sees_how_far_a_move_is(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}
    assert (await connector("check-config", folder=tmp_path, environ=environ)).exit_code == 0
    async with opened(tmp_path) as ledger:
        for number in range(3):
            await record(ledger, number)

    for ends, rows in (((NAME, "LEDGER_DSN"), 3), (("LEDGER_DSN", "new.sqlite3"), 5)):  # two of them of the move itself
        exit_code, shown = await at_a_terminal("ledger", "copy", *ends, folder=tmp_path, environ=environ)

        assert exit_code == 0, shown
        assert f"moving the ledger: {rows} rows" in shown, shown
        assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in shown, shown


async def test_each_move_leaves_a_line_where_the_ledger_is_then(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}
    assert (await connector("check-config", folder=tmp_path, environ=environ)).exit_code == 0
    async with opened(tmp_path):
        pass

    for ends in ((NAME, "LEDGER_DSN"), (NAME, "LEDGER_DSN"), ("LEDGER_DSN", "new.sqlite3")):
        ended_well = await connector("ledger", "copy", *ends, folder=tmp_path, environ=environ)
        assert ended_well.exit_code == 0, ended_well.err
    (tmp_path / "config.toml").write_text('[ledger]\npath = "new.sqlite3"\n')
    lines = (await connector("audit", "--json", folder=tmp_path, environ=environ)).json

    assert [(line["action"], line["where"]) for line in lines] == [("copy ledger", "command line")] * 2
    where = [str(parsed(environ["LEDGER_DSN"], origin="x")), str(tmp_path / NAME)]
    assert [line["target"] for line in lines] == [f"ledger {each}" for each in where]
    assert lines[0]["outcome"] == f"moved to {tmp_path}/new.sqlite3"
    assert lines[1]["outcome"].startswith("moved to 127.0.0.1")
    assert PASSWORD not in str(lines)


async def test_several_files_move_by_one_command_and_once(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}
    assert (await connector("check-config", folder=tmp_path, environ=environ)).exit_code == 0
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as ledger:
            await ledger.tick()
        paths.append(f"{name}/{NAME}")

    moved, again = [await connector("ledger", "copy", *paths, "LEDGER_DSN", folder=tmp_path, environ=environ) for _ in range(2)]
    into_a_file = await connector("ledger", "copy", *paths, "new.sqlite3", folder=tmp_path, environ=environ)

    assert [line.split()[:2] for line in moved.out.splitlines()] == [[path, "moved"] for path in paths], moved.err
    assert [line.split()[:3] for line in again.out.splitlines()] == [[path, "was", "moved"] for path in paths]
    assert (into_a_file.exit_code, "expected a variable that is set" in into_a_file.err) == (2, True)


def move_back(folder: Path, address: Address) -> None:
    move_in(folder / NAME, departing(address), MOVED, lambda _: nullcontext(lambda: None))


async def test_all_that_a_database_told_a_file_tells(tmp_path: Path, address: Address) -> None:
    async with database(address).opened() as fleet:
        await filled(fleet)
    async with database(address).opened() as fleet:
        before = await told(fleet)

    move_back(tmp_path, address)

    async with opened(tmp_path) as ledger:
        assert await told(ledger) == before
        assert (await record(ledger, 99)).id == 5


async def test_a_move_has_everything_cached_invalidated_because_other_stores_go_with_it(tmp_path: Path, address: Address) -> None:
    async with opened(tmp_path):
        pass
    move(tmp_path, address)
    async with database(address).opened() as fleet:
        in_the_database = fleet.lost_track
        await fleet.track_regained(await fleet.losses())
        assert not fleet.lost_track
    (tmp_path / NAME).unlink()
    move_back(tmp_path, address)

    async with opened(tmp_path) as ledger:
        assert (in_the_database, ledger.lost_track) == (True, True)


async def test_no_replica_starts_with_a_database_whose_ledger_has_moved(tmp_path: Path, address: Address) -> None:
    async with database(address).opened():
        pass
    move_back(tmp_path, address)

    with pytest.raises(ConfigurationError, match=f'was moved to {tmp_path / NAME}; expected ledger.store = "sqlite"'):
        async with database(address).opened():
            pass


async def test_a_replica_that_comes_back_after_its_ledger_has_moved_does_nothing(tmp_path: Path, address: Address) -> None:
    """It was paused or cut off for so long that others took it for gone."""
    async with database(address).opened() as paused:
        debt = await record(paused, 1)
        with address.connect() as connection:
            connection.execute("DELETE FROM owners")
            move_back(tmp_path, address)
            before = all_rows(connection)
            for work in (
                partial(record, paused, 2),
                partial(paused.begin_opening, opening(session(3))),
                partial(paused.settle, debt, state=LogoutState.CLOSED),
                partial(paused.open_by, session(1).session_id, "l"),
                partial(paused.next_due, START),
                paused.tick,
            ):
                with pytest.raises(LedgerUnavailable, match=rf'was moved to {tmp_path / NAME}; expected ledger.store = "sqlite"'):
                    await work()
            assert all_rows(connection) == before
    with address.connect() as connection:
        assert all_rows(connection) == before


async def test_no_line_is_written_into_a_database_whose_ledger_has_moved_meanwhile(tmp_path: Path, address: Address) -> None:
    async with database(address).opened():
        pass
    with noting(address) as note:
        assert note is not None
        move_back(tmp_path, address)
        with pytest.raises(ConfigurationError, match=f"was moved to {tmp_path / NAME}"):
            note(MOVED)


def all_rows(connection: Connection) -> list[list[tuple[object, ...]]]:
    tables = (*COLUMNS, "owners", "claims", "refreshes", "introductions", "epoch", "ledger_version", "identity")
    return [connection.execute(f"SELECT * FROM {table} ORDER BY 1".encode()).fetchall() for table in tables]


async def test_a_way_back_that_was_broken_off_is_begun_again(tmp_path: Path, address: Address) -> None:
    async with database(address).opened() as fleet:
        await record(fleet, 1)
    move_back(tmp_path, address)
    (tmp_path / NAME).unlink()  # as if the command had ended before the file got its name

    move_back(tmp_path, address)

    async with opened(tmp_path) as ledger:
        assert (await ledger.statistics()).owed == 1


async def test_a_database_that_replicas_use_does_not_move_nor_does_one_move_over_a_file(tmp_path: Path, address: Address) -> None:
    async with database(address).opened():
        with pytest.raises(ConfigurationError, match="expected no replica on it: "):
            move_back(tmp_path, address)
    assert not (tmp_path / NAME).exists()

    async with opened(tmp_path):
        pass
    with pytest.raises(ConfigurationError, match="is there already; expected no file"):
        move_back(tmp_path, address)


async def test_a_ledger_moves_there_and_back_by_commands(tmp_path: Path, postgres: Postgres) -> None:
    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database()), "CONNECTOR_LEDGER_KEYS": KEYS_LINE}
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)

    there = await connector("ledger", "copy", NAME, "LEDGER_DSN", folder=tmp_path, environ=environ)
    back = await connector("ledger", "copy", "LEDGER_DSN", "back.sqlite3", folder=tmp_path, environ=environ)

    assert (there.exit_code, back.exit_code, PASSWORD in there.out + back.out) == (0, 0, False)
    assert "moved to back.sqlite3, and read again" in back.out


async def test_an_address_in_the_place_of_its_variables_name_is_not_repeated(tmp_path: Path) -> None:
    ended = await connector("ledger", "copy", NAME, f"postgresql://c:{PASSWORD}@db/ledger", folder=tmp_path)

    assert (ended.exit_code, PASSWORD in ended.out + ended.err) == (2, False)
    assert "expected the name of a variable" in ended.err
