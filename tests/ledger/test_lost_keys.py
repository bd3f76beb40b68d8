"""Keys that are gone: they are not replaced as long as the ledger holds something that only they can open."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.recovery import COMPANIONS, saved_to
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.errors import ConfigurationError
from connector.preflight.keyfile import load_keyring
from tests.ledger.ledgers import NAME, close, damage, ledger, open_, opened, raw, record, session
from tests.ledger.test_opening import FIXTURES

Left = Callable[[SqliteLedger], Awaitable[object]]


async def an_open_session(ledger: SqliteLedger) -> None:
    await open_(ledger, session(1))


async def a_debt(ledger: SqliteLedger) -> None:
    await record(ledger, 1)


async def an_eviction(ledger: SqliteLedger) -> None:
    await ledger.settle(await record(ledger, 1), state=None, evicted=["memory"])


async def nothing(ledger: SqliteLedger) -> None:
    await close(ledger, await record(ledger, 1))


async def left(folder: Path, what: Left) -> Path:
    """Leave a ledger, and no keys; return where these should be."""
    async with opened(folder) as ledger:
        await what(ledger)
    return folder / "keys" / "ledger.keys"


def made(keys: Path) -> Keyring:
    return load_keyring(keys, {}, ledger=keys.parents[1] / NAME)


def refusal(keys: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        made(keys)
    assert not keys.parent.exists()
    return str(refused.value)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (an_open_session, "1 open sessions and 0 debts"),
        (a_debt, "0 open sessions and 1 debts"),
        (an_eviction, "0 open sessions and 1 debts"),
    ],
)
async def test_no_keys_are_made_for_a_ledger_that_needs_others(what: Left, told: str, tmp_path: Path) -> None:
    keys = await left(tmp_path, what)

    message = refusal(keys)

    assert all(part in message for part in (str(keys), str(tmp_path / NAME), told, "Put the file back", "CONNECTOR_LEDGER_KEYS"))


async def test_a_ledger_that_a_killed_server_has_left_is_looked_at_with_its_log(tmp_path: Path) -> None:
    keys = tmp_path / "keys" / "ledger.keys"
    async with opened(tmp_path) as ledger:
        await an_open_session(ledger)
        assert "1 open sessions" in refusal(keys), "what is not in the file itself yet"


async def test_a_ledger_whose_rows_are_being_saved_counts(tmp_path: Path) -> None:
    keys = await left(tmp_path, an_open_session)
    for name in COMPANIONS:
        part = tmp_path / f"{NAME}{name}"
        if part.exists():
            part.rename(f"{saved_to(tmp_path / NAME)}{name}")

    assert "1 open sessions" in refusal(keys)


async def test_a_ledger_that_is_damaged_may_need_its_keys(tmp_path: Path) -> None:
    keys = await left(tmp_path, an_open_session)
    damage(tmp_path / NAME, 0)

    assert "cannot be read" in refusal(keys)


def test_a_ledger_of_the_first_version_may_need_its_keys(tmp_path: Path) -> None:
    with raw(tmp_path) as file:
        file.executescript((FIXTURES / "v1.sql").read_text("utf-8"))

    assert "0 open sessions and 2 debts" in refusal(tmp_path / "keys" / "ledger.keys")


async def test_keys_are_made_and_told_of_if_the_ledger_needs_none(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "settled"):
        folder.mkdir()
    keys = [tmp_path / "new" / "keys" / "ledger.keys", await left(tmp_path / "settled", nothing)]
    with capture_logs() as logs:
        rings = [made(path) for path in keys]
    with capture_logs() as later:
        assert [made(path).ids for path in keys] == [ring.ids for ring in rings]

    assert [(line["event"].split(";")[0], line["path"]) for line in logs] == [
        ("made a key for the ledger", str(path)) for path in keys
    ]
    assert later == []


async def test_a_ledger_that_is_begun_is_told_of(tmp_path: Path) -> None:
    for begun in (True, False):
        with capture_logs() as logs:
            async with ledger(tmp_path).opened():
                pass
        told = [line["path"] for line in logs if "a new one is begun" in line["event"]]
        assert told == ([str(tmp_path / NAME)] if begun else [])
