"""What of a credential can be found in the files: nothing in clear, ever; of an erased one not even the seal."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from connector.model.debts import LogoutState
from tests.ledger.ledgers import VERIFIED, SetClock, all_due, close, ledger, opened, raw, record

MARKER = "M4rk3rOfACredential"
MANY = 600


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def seals(folder: Path) -> dict[int, bytes]:
    with raw(folder) as file:
        return dict(file.execute("SELECT id, credential FROM debts WHERE credential IS NOT NULL"))


async def test_no_credential_is_in_any_file_in_clear_while_it_is_owed_nor_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path) as open_ledger:
        debts = await asyncio.gather(*(record(open_ledger, number, f"{MARKER}{number}") for number in range(MANY)))
        assert MARKER.encode() not in bytes_of(tmp_path)
        await asyncio.gather(*(close(open_ledger, debt) for debt in debts[::2]))
        assert MARKER.encode() not in bytes_of(tmp_path)
    assert MARKER.encode() not in bytes_of(tmp_path)


async def test_not_even_the_seal_of_an_erased_credential_stays_in_a_tidied_file(tmp_path: Path) -> None:
    """Rows are closed and dismissed among others that stay, grow and shrink, so that pages are split, merged and used again."""
    async with opened(tmp_path) as open_ledger:
        debts = await asyncio.gather(*(record(open_ledger, number, MARKER * (1 + number * 7 % 90)) for number in range(MANY)))
        sealed = seals(tmp_path)
        before = bytes_of(tmp_path)
        assert all(seal[-16:] in before for seal in [*sealed.values()][:20])
        for start in range(3):
            await asyncio.gather(
                *(
                    open_ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=["memory"])
                    for debt in debts[start * 150 : (start + 1) * 150]
                ),
                *(
                    record(open_ledger, number, MARKER, origin="o" * 300)
                    for number in range(1000 * (start + 1), 1000 * (start + 1) + 200)
                ),
            )
        await open_ledger.dismiss(debts[500].id, "no longer needed")
        await open_ledger.tidy()
        erased = {debt.id for debt in debts[:450]} | {debts[500].id}
        found = bytes_of(tmp_path)
        traces = [id_ for id_ in sorted(erased)[::4] if any(part in found for part in parts(sealed[id_]))]
        assert traces == []
        assert all(seal in found for id_, seal in sealed.items() if id_ not in erased and len(seal) < 500)


def parts(seal: bytes) -> list[bytes]:
    """Take pieces of a seal, from its beginning to its end, that are long enough to be nothing else's."""
    body = seal[20:]
    return [body[place : place + 12] for place in range(0, len(body) - 11, max(12, len(body) // 4))]


async def test_a_row_that_is_forgotten_leaves_nothing_of_its_session(tmp_path: Path) -> None:
    clock = SetClock()
    async with opened(tmp_path, clock=clock) as open_ledger:
        debt = await record(open_ledger, 0xABCDEF)
        await close(open_ledger, debt)
        clock.now += 90_000
        await open_ledger.tidy()
        assert debt.session_id.encode() not in bytes_of(tmp_path)


async def test_a_row_in_quarantine_has_lost_its_credential(tmp_path: Path) -> None:
    async with opened(tmp_path) as open_ledger:
        await record(open_ledger, 1)
    (seal,) = seals(tmp_path).values()
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET attempts = 9")
    async with opened(tmp_path) as open_ledger:
        assert await all_due(open_ledger) == []
    assert not any(part in bytes_of(tmp_path) for part in parts(seal))


async def test_no_message_and_no_representation_shows_a_credential(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with opened(tmp_path) as open_ledger:
            debt = await record(open_ledger, 1, MARKER)
            settled = await close(open_ledger, debt)
        closed = ledger(tmp_path)
    assert MARKER not in f"{debt!r} {settled!r} {closed!r} {logs!r}"
