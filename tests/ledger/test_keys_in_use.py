"""Keys of a running server that cannot be taken as the file says: why not, and that nothing is lost by it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from connector.assembly.keys_in_use import KeysInUse
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.ledger.fingerprints import of_keys
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.testing import MemoryLedger, MemoryStore
from connector.model.errors import LedgerUnavailable
from connector.model.peers import told
from connector.sessions.seal import Seals
from connector.workers.other_replicas import Peers, this_process
from tests.cache.stacks import memory
from tests.ledger.ledgers import KEYS, ONLY_NEW, ROTATED, ledger, open_, opened, session
from tests.postgres import Postgres


def rotated() -> Keyring:
    """Return a keyring of the test's own: the others are everybody's."""
    keyring = Keyring({})
    keyring.add_from(ROTATED)
    return keyring


async def test_a_key_stays_while_a_session_is_being_opened_with_it(tmp_path: Path) -> None:
    keyring = rotated()
    keyring.promote("old")
    seals = Seals(keyring)
    async with opened(tmp_path, keyring) as there:
        keys = KeysInUse(keyring, seals, there, None)
        with capture_logs() as logs:
            with seals.for_a_session() as key_id:
                await keys.take(ONLY_NEW)
                during = keyring.ids, seals.writing
            await keys.take(ONLY_NEW)

    assert (key_id, during, keyring.ids, seals.writing) == ("old", (("new", "old"), "old"), ("new",), "new")
    assert [line["needed_by"] for line in logs if "needed_by" in line] == [{"old": "this server, which writes with it"}]


async def test_all_keys_that_stay_are_named_in_one_line_each_with_what_needs_it(tmp_path: Path) -> None:
    keyring = rotated()
    keyring.promote("old")
    async with opened(tmp_path, keyring) as there:
        await open_(there, session(1))
        keyring.promote("new")
        await open_(there, session(2))
        third = Keyring({"third": b"3" * 32})
        with capture_logs() as logs:
            await KeysInUse(keyring, Seals(keyring), there, None).take(third)

    (warned,) = [line for line in logs if line["log_level"] == "warning"]
    assert (keyring.ids, warned["keys"]) == (("third", "new", "old"), ["new", "old"])
    assert {key_id: "1 sessions" in needs for key_id, needs in warned["needed_by"].items()} == {"new": True, "old": True}


async def test_no_second_key_is_promoted_while_a_session_is_being_opened_by_an_earlier_one(tmp_path: Path) -> None:
    keyring = rotated()
    keyring.promote("old")
    seals = Seals(keyring)
    third = Keyring({"third": b"3" * 32})
    third.add_from(ROTATED)
    async with opened(tmp_path, keyring) as there:
        keys = KeysInUse(keyring, seals, there, None)
        with capture_logs() as logs:
            with seals.for_a_session():
                await keys.take(ROTATED)
                await keys.take(third)
                during = keyring.current
            await keys.take(third)

    assert (during, keyring.current) == ("new", "third")
    assert [line["earlier"] for line in logs if "earlier" in line] == ["old"]


async def test_a_key_stays_until_each_replica_has_told_what_it_writes_with(postgres: Postgres) -> None:
    address = parsed(postgres.dsn(postgres.new_database()), origin="test")
    keyring = rotated()
    storage = Storage([memory()], StorageDeadlines())
    here, other = PostgresLedger(address, keyring), PostgresLedger(address, keyring)
    peers = Peers(this_process("tracker", of_keys(keyring)), storage, here)
    async with storage.opened(), here.opened(), other.opened():
        keys = KeysInUse(keyring, Seals(keyring), here, peers)
        await other.introduce(None)
        with capture_logs() as logs:
            await keys.take(ONLY_NEW)
            silent = keyring.ids
            await other.introduce(told(replace(this_process("tracker", of_keys(ONLY_NEW)), name="other:1")))
            await keys.take(ONLY_NEW)

    assert (silent, keyring.ids) == (("new", "old"), ("new",))
    (needed,) = [line["needed_by"] for line in logs if "needed_by" in line]
    assert needed["old"].partition(", ")[2] == "which does not tell yet what it writes with"


@pytest.mark.parametrize("meets", [True, False], ids=["shared authority", "authority of its own"])
async def test_a_server_is_listed_once_and_by_the_key_it_writes_with_by_now(postgres: Postgres, *, meets: bool) -> None:
    address = parsed(postgres.dsn(postgres.new_database()), origin="test")
    keyring = rotated()
    keyring.promote("old")
    storage = Storage([memory()], StorageDeadlines())
    here, other = PostgresLedger(address, keyring), PostgresLedger(address, rotated())
    peers = Peers(this_process("tracker", of_keys(keyring)), storage, here) if meets else None
    seals = Seals(keyring)
    keys = KeysInUse(keyring, seals, here, peers)
    async with storage.opened(), here.opened():
        untold = keys.of_all(await here.owners())
        if peers is not None:
            await peers.look()
        with seals.for_a_session():
            keyring.promote("new")
            during = keys.of_all(await here.owners())
        async with other.opened():
            beside = keys.of_all(await here.owners())

    me, old, new = this_process("", ()).name, of_keys(rotated(), first="old"), of_keys(rotated(), first="new")
    assert (untold, during) == ([(me, old)], [(me, old)])
    assert beside == [(me, new), (me, ())], "the other one is of this process, too, and tells nothing yet"


async def test_a_key_opens_nothing_once_it_is_out_although_the_ledger_cannot_say_so() -> None:
    class Unsure(MemoryLedger):
        async def between_transactions(self, work: Callable[[], None]) -> None:
            await super().between_transactions(work)
            raise LedgerUnavailable("the answer to a commit was lost")

    keyring = rotated()
    sealed = KEYS.seal("p", b"text")
    await KeysInUse(keyring, Seals(keyring), Unsure(MemoryStore()), None).take(ONLY_NEW)

    assert keyring.ids == ("new",)
    with pytest.raises(KeyMissing):
        keyring.unseal("p", sealed)


async def test_without_the_ledger_all_keys_stay_as_they_are_and_it_is_said(tmp_path: Path) -> None:
    keyring = rotated()
    with capture_logs() as logs:
        await KeysInUse(keyring, Seals(keyring), ledger(tmp_path, keyring), None).take(KEYS)

    assert keyring.ids == ("new", "old")
    assert [line["event"].partition(";")[0] for line in logs] == ["keys cannot be changed while the ledger does not work"]
