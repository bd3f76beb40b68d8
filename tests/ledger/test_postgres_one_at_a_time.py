"""Transactions of a ledger in PostgreSQL wait for its one lock, and so never for each other's rows or keys."""

import asyncio
import re
from contextlib import AsyncExitStack

from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from tests.ledger.ledgers import DRIVERS, ORIGIN, PENDING, START, opening, request, session
from tests.ledger.test_postgres_faults import opened
from tests.postgres import Postgres

WATCHED = ("log_lock_waits = on", "deadlock_timeout = '1ms'")
"""The server writes down each wait for a lock that takes longer than a millisecond."""
WAIT = re.compile(r"still waiting for (.*?)(?: \[| after)")
SESSIONS = 3
ROUNDS = 12


async def live(ledger: Ledger, number: int) -> None:
    """Let a session live and end, by a login that has the same keys at every replica."""
    login = session(number)
    await ledger.begin_opening(opening(login))
    await ledger.open_session(login, None, drivers=DRIVERS)
    await ledger.claim_refresh(login.session_id, login.login_id, 0)
    debt = await ledger.record(request(number, login=login.login_id), origin=ORIGIN, drivers=DRIVERS)
    await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, due_at=START, release=True)
    for claimed in await ledger.claim_due(START, per_origin=2, limit=2):
        await ledger.settle(claimed, state=LogoutState.CLOSED, evicted=DRIVERS, release=True)
    await ledger.tick()


async def test_replicas_with_the_same_sessions_wait_for_the_lock_and_for_nothing_else(postgres: Postgres) -> None:
    database = postgres.new_database()
    for setting in WATCHED:
        postgres.administer(f"ALTER DATABASE {database} SET {setting}")
    output = postgres.server.folder / "output.log"
    before = len(output.read_text())
    async with AsyncExitStack() as stack:
        starting = [stack.enter_async_context(opened(postgres.dsn(database))) for _ in range(3)]
        replicas = await asyncio.gather(*starting)
        for _ in range(ROUNDS):
            await asyncio.gather(*(live(replica, number) for replica in replicas for number in range(SESSIONS)))

    waits = {re.sub(r"\d+", "N", what) for what in WAIT.findall(output.read_text()[before:])}
    assert waits == {"ExclusiveLock on advisory lock"}
