"""What a replica waits for on the way to its database: however many tasks ask at once, it is as few round trips."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.model.debts import Debt, LogoutState
from tests.ledger.counting_proxy import CountingProxy, counting_proxy
from tests.ledger.ledgers import DRIVERS, KEYS, ORIGIN, VERIFIED, SetClock, open_, request, session
from tests.postgres import Postgres

MANY = range(1, 65)
Counted = Callable[[Callable[[int], Awaitable[object]]], Coroutine[Any, Any, tuple[int, int]]]
"""Returns the round trips of one call, and those of many at once."""


@pytest.fixture
async def proxy(postgres: Postgres) -> AsyncIterator[CountingProxy]:
    async with counting_proxy(postgres.server.port) as proxy:
        yield proxy


@pytest.fixture
async def ledger(postgres: Postgres, proxy: CountingProxy) -> AsyncIterator[PostgresLedger]:
    address = parsed(postgres.dsn(postgres.new_database(), port=proxy.port), origin="x")
    ledger = PostgresLedger(address, KEYS, clock=SetClock())
    await ledger.open()
    yield ledger
    await ledger.aclose()


@pytest.fixture
def counted(proxy: CountingProxy) -> Counted:
    async def both(work: Callable[[int], Awaitable[object]]) -> tuple[int, int]:
        before = proxy.round_trips
        await work(0)
        of_one = proxy.round_trips
        await asyncio.gather(*(work(number) for number in MANY))
        return of_one - before, proxy.round_trips - of_one

    return both


async def tried(ledger: PostgresLedger, number: int, login: str = "") -> Debt:
    """Record a cleanup, which is about to try its logout."""
    return await ledger.record(request(number, login=login), origin=ORIGIN, drivers=DRIVERS)


async def done(ledger: PostgresLedger, debt: Debt) -> Debt | None:
    """Record the end of a try."""
    return await ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS, release=True)


async def test_many_cleanups_of_open_sessions_take_as_few_round_trips_as_one(ledger: PostgresLedger, counted: Counted) -> None:
    for number in (0, *MANY):
        await open_(ledger, session(number, login=f"l{number}"))

    one, many = await counted(lambda number: tried(ledger, number, login=f"l{number}"))

    assert many == one <= 3
    assert (await ledger.statistics()).sessions == 0


async def test_many_cleanups_of_unknown_sessions_take_as_few_round_trips_as_one(ledger: PostgresLedger, counted: Counted) -> None:
    one, many = await counted(lambda number: tried(ledger, number))

    assert many == one <= 3


async def test_many_settlements_take_as_few_round_trips_as_one(ledger: PostgresLedger, counted: Counted) -> None:
    debts = [await tried(ledger, number) for number in (0, *MANY)]

    one, many = await counted(lambda number: done(ledger, debts[number]))

    assert many == one <= 3


async def test_who_asks_by_which_login_a_session_is_open_shares_a_round_trip(ledger: PostgresLedger, counted: Counted) -> None:
    for number in (0, *MANY):
        await open_(ledger, session(number, login=f"l{number}"))

    one, many = await counted(lambda number: ledger.open_by(request(number).session_id, f"l{number}"))

    assert many == one == 3
    one, many = await counted(lambda number: ledger.login_now(request(number).session_id))
    assert many == one == 3


async def test_a_look_at_many_sessions_takes_three_round_trips(ledger: PostgresLedger, counted: Counted) -> None:
    for number in MANY:
        await open_(ledger, session(number, login=f"l{number}"))
    known = {(request(number).session_id, f"l{number}"): 0 for number in MANY}

    one, _ = await counted(lambda _: ledger.changed_logins(known))

    assert one == 3
    assert await ledger.changed_logins(known) == {}


async def test_each_who_asks_at_once_is_told_of_its_own_session(ledger: PostgresLedger) -> None:
    for number in MANY:
        await open_(ledger, session(number, login=f"l{number}"))

    asked = [(1, "l1"), (2, "l1"), (2, "l2"), (99, "l99")]
    found = await asyncio.gather(*(ledger.open_by(request(number).session_id, login) for number, login in asked))
    logins = await asyncio.gather(*(ledger.login_now(request(number).session_id) for number in (1, 99, 2)))

    assert [each and each.login_id for each in found] == ["l1", None, "l2", None]
    assert logins == ["l1", None, "l2"]
