"""Keys of a running server that cannot be taken as the file says: why not, and that nothing is lost by it."""

from pathlib import Path

from structlog.testing import capture_logs

from connector.assembly.keys_in_use import KeysInUse
from connector.ledger.keyring import Keyring
from connector.sessions.seal import Seals
from tests.ledger.ledgers import KEYS, ONLY_NEW, ROTATED, ledger, opened


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
    assert [line["needed_by"] for line in logs if "needed_by" in line] == [["this server, which writes with it"]]


async def test_without_the_ledger_all_keys_stay_as_they_are_and_it_is_said(tmp_path: Path) -> None:
    keyring = rotated()
    with capture_logs() as logs:
        await KeysInUse(keyring, Seals(keyring), ledger(tmp_path, keyring), None).take(KEYS)

    assert keyring.ids == ("new", "old")
    assert [line["event"].partition(";")[0] for line in logs] == ["keys cannot be changed while the ledger does not work"]
