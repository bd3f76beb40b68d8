"""A first try on PostgreSQL whose caller goes while its transaction is under way: it is claimed for nobody."""

import asyncio
import threading
from typing import Any

import pytest

from connector.ledger.postgres import held_claims
from connector.ledger.testing.first_tries import due, tried
from tests.ledger.test_postgres_opening import ledger_at
from tests.postgres import Postgres

PATIENCE = 60.0
"""Seconds until a test gives up, on a busy machine."""
real_record = held_claims.record


async def test_what_a_caller_records_who_goes_meanwhile_is_tried_by_another(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, begun, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def held(*arguments: Any, **named: Any) -> Any:
        debts = real_record(*arguments, **named)
        loop.call_soon_threadsafe(begun.set)
        may_go_on.wait(PATIENCE)
        return debts

    monkeypatch.setattr(held_claims, "record", held)
    address = postgres.dsn(postgres.new_database())
    async with ledger_at(address).opened() as first, ledger_at(address).opened() as second, asyncio.timeout(PATIENCE):
        recording = asyncio.create_task(tried(first))
        await begun.wait()
        recording.cancel()
        may_go_on.set()
        await asyncio.wait([recording])
        (debt,) = await first.listing()
        await due(first, debt.recorded_at - 1)  # whatever it claims or not: what is in nobody's hand is freed by this
        found = await due(second, debt.recorded_at + 1)

    assert found == [debt.id]
