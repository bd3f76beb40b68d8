"""A logout is one server's at a time, also if a server is killed or paused: real processes, real time."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import CLAIM
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.preflight.keyfile import load_keyring
from tests.e2e.connector_process import WITHIN, ConnectorProcess
from tests.e2e.sharing_servers import Fleet, cleaned_up, opened
from tests.sessions.desk import Desk
from tests.sessions.served import KEYS

OWED = 10_000
SOON = 3.0
"""Seconds after the end of a claim within which what it was about is begun."""
HEARD = 6.0
"""Seconds for which a server that works may be silent at most."""


@contextmanager
def paused(server: ConnectorProcess) -> Iterator[None]:
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def without_haste(fleet: Fleet) -> Fleet:
    """Return servers that wait for answers for as long as a pause takes, Redis too: it may answer during that."""
    waiting = "deadlines = { read = 120, total = 120 }\n[storage]\ndeadlines = { evict = 120 }"
    config = fleet.config.replace("[storage]", waiting, 1)
    return replace(fleet, config=config.replace("[storage.shared]", "[storage.shared]\noperation_timeout = 120", 1))


async def fill(fleet: Fleet, origin: str) -> None:
    """Owe so many logouts, by an owner that is closed then."""
    keyring = load_keyring(Path(), KEYS, ledger=None)
    async with PostgresLedger(parsed(fleet.environment["LEDGER_DSN"], origin="test"), keyring).opened() as ledger:

        async def owe(number: int) -> None:
            credential = Credential([("Authorization", f"Bearer owed-{number}")])
            request = CleanupRequest(f"{number:08}-0000-4000-8000-000000000000", "A", global_cache=False, credential=credential)
            await ledger.release(await ledger.record(request, origin=origin, drivers=()))

        await asyncio.gather(*(owe(number) for number in range(OWED)))


@pytest.mark.slow
async def test_ten_thousand_logouts_of_a_dead_server_are_begun_soon_after_its_claim(fleet: Fleet, desk: Desk) -> None:
    patient = without_haste(fleet)
    with patient.server("one") as one:
        desk.ending.clear()
        await fill(fleet, desk.url)
        for _ in range(4):  # as many as an origin has at a time
            await asyncio.wait_for(desk.logging_out.get(), WITHIN)
        with patient.server("other") as other:
            with pytest.raises(TimeoutError):  # while one lives, the other one leaves it all to it
                await asyncio.wait_for(desk.logging_out.get(), 2 * SOON)
            one.process.kill()
            killed = time.monotonic()
            await asyncio.wait_for(desk.logging_out.get(), 2 * CLAIM)
            took = time.monotonic() - killed
            desk.ending.set()
            for _ in range(100):
                await asyncio.wait_for(desk.logging_out.get(), WITHIN)
            assert other.process.poll() is None

    assert CLAIM - HEARD < took < CLAIM + SOON
    assert max(desk.logouts.values()) == 2
    assert sum(number - 1 for number in desk.logouts.values()) <= 4


@pytest.mark.slow
async def test_a_server_paused_in_a_logout_for_longer_than_a_claim_does_no_harm(fleet: Fleet, desk: Desk, session: str) -> None:
    patient = without_haste(fleet)
    with patient.server("one") as one, patient.server("other") as other:
        headers = (await opened(one, session)).session_headers
        desk.ending.clear()
        cleaning = asyncio.create_task(cleaned_up(one, session, headers))
        token = await desk.logging_out.get()
        with paused(one):
            duplicate = await cleaned_up(other, session, headers)
            assert desk.logging_out.empty()
            assert await asyncio.wait_for(desk.logging_out.get(), 2 * CLAIM) == token
            desk.ending.set()
            assert await desk.ended.get() == token
        answer = await cleaning
        status = (await fleet.command("status", "--json", of="other")).json

    assert (duplicate.body["logout"]["code"], answer.status) == ("in_hand_elsewhere", 200), answer.text
    assert (desk.logouts[token], status["ledger"]["owed"], status["ledger"]["maybe_twice"]) == (2, 0, 1)
