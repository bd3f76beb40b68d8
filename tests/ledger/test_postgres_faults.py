"""A ledger in PostgreSQL whose server, connection or fellow replicas fail: nothing is lost, and nobody waits for ever."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import IO, Any, cast

import psycopg
import pytest
from structlog.testing import capture_logs

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from tests.fleet.gates import in_place_of
from tests.ledger.ledgers import DRIVERS, KEYS, ORIGIN, START, SetClock, close, open_, opening, record, request, session, until
from tests.ledger.lossy_proxy import lossy_proxy
from tests.postgres import ADMINISTRATOR, PASSWORD, Postgres
from tests.servers import RealServer

SOON = 40.0
"""Seconds within which a busy machine does what should take a few."""
FAR = START * 2
CANCEL_WAIT = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'connector'"
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'connector'"


@asynccontextmanager
async def opened(address: str, standstill: Standstill | None = None) -> AsyncIterator[PostgresLedger]:
    ledger = PostgresLedger(parsed(address, origin="test"), KEYS, clock=SetClock(), standstill=standstill)
    async with ledger.opened():
        yield ledger


async def until_it_works(ledger: PostgresLedger, number: int) -> None:
    async with asyncio.timeout(SOON):
        while True:
            try:
                await record(ledger, number)
            except LedgerUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


@contextmanager
def replica(address: str, what: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.ledger.replica", address, what]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[bytes]") -> str:
    """Return the next line that a replica says, past its log."""
    lines = (line.decode() for line in cast("IO[bytes]", process.stdout))
    return next(line[2:].strip() for line in lines if line.startswith("= "))


async def test_a_connection_that_broke_between_two_operations_is_made_anew_unseen(postgres: Postgres) -> None:
    database = postgres.new_database()
    async with opened(postgres.dsn(database)) as ledger:
        debt = await record(ledger, 1)
        postgres.administer(f"{TERMINATE} AND datname = '{database}'")
        assert (await record(ledger, 1)).id == debt.id


async def test_a_connection_that_broke_while_a_bouncer_relayed_several_statements_is_left(
    postgres: Postgres, bouncer: RealServer
) -> None:
    database = postgres.new_database()
    async with opened(postgres.dsn(database, port=bouncer.port)) as ledger:
        await record(ledger, 1)
        with psycopg.connect(postgres.dsn(database, user=ADMINISTRATOR)) as holds:
            holds.execute("LOCK TABLE debts, sessions, openings IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.create_task(record(ledger, 2))
            query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
            async with asyncio.timeout(SOON):
                while await asyncio.to_thread(postgres.administer, query) == [(0,)]:  # noqa: ASYNC110 - the database changes it
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(postgres.administer, f"{TERMINATE} AND datname = '{database}'")
            with pytest.raises(LedgerUnavailable):
                await waiting
        await until_it_works(ledger, 2)


async def test_a_server_that_was_down_is_told_without_a_password_and_used_once_it_is_back(own_postgres: Postgres) -> None:
    async with opened(own_postgres.dsn(own_postgres.new_database())) as ledger:
        debt = await record(ledger, 1)
        own_postgres.server.kill()
        for _ in range(3):
            with pytest.raises(LedgerUnavailable) as failed:
                await record(ledger, 2)
            assert PASSWORD not in f"{failed.value!r} {failed.value.__cause__!r}"
        own_postgres.server.start()
        await until_it_works(ledger, 2)
        assert debt.id in {each.id for each in await ledger.listing()}


@pytest.mark.parametrize("signal_", ["TERM", "KILL"])
async def test_what_was_acknowledged_is_there_after_a_process_of_the_server_was_ended(
    own_postgres: Postgres, signal_: str
) -> None:
    """SIGKILL of one of its processes makes the whole server recover."""
    database = own_postgres.new_database()
    acknowledged, enough = list[int](), asyncio.Event()

    async def work(ledger: PostgresLedger) -> None:
        for number in range(200):
            try:
                await record(ledger, number)
                acknowledged.append(number)
                if number == 20:
                    enough.set()
            except LedgerUnavailable:
                await asyncio.sleep(0.05)

    async with opened(own_postgres.dsn(database)) as ledger:
        working = asyncio.create_task(work(ledger))
        await asyncio.wait_for(enough.wait(), SOON)
        rows = own_postgres.administer(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND usename = 'connector'")
        for (pid,) in rows:
            os.kill(cast("int", pid), signal.Signals[f"SIG{signal_}"])
        await asyncio.wait_for(working, 2 * SOON)
        await until_it_works(ledger, 1_000)
        there = {debt.session_id for debt in await ledger.listing(limit=10_000)}
        assert {session(number).session_id for number in acknowledged} <= there


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_a_commit_without_an_answer_is_unknown_and_a_repeat_finds_out(postgres: Postgres, breaks: str) -> None:
    database = postgres.new_database()
    async with lossy_proxy(postgres.server.port) as proxy, opened(postgres.dsn(database, port=proxy.port)) as ledger:
        await ledger.begin_opening(opening(session(1)))
        debt = await record(ledger, 2)
        proxy.breaks = breaks
        with pytest.raises(LedgerUnavailable):
            await ledger.open_session(session(1), None, drivers=())
        for _ in range(2):
            assert (await ledger.open_session(session(1), None, drivers=())).is_open
        proxy.breaks = breaks
        done = await close(ledger, debt)  # a settlement repeats itself
        assert done is not None
        assert (done.owes_nothing, done.attempts) == (True, 1)
        assert len(await ledger.session_listing()) == 1


async def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_unknown(own_postgres: Postgres) -> None:
    async with opened(own_postgres.dsn(own_postgres.new_database())) as ledger:
        with commits_that_wait_for_a_standby(own_postgres):
            recording = await cancelled_in_its_wait(
                own_postgres, lambda: ledger.record(request(1), origin=ORIGIN, drivers=DRIVERS)
            )
            with pytest.raises(LedgerUnavailable, match="nobody knows"):
                await recording
        await record(ledger, 1)
        assert len(await ledger.listing()) == 1


async def test_no_session_counts_as_open_at_a_primary_whose_standby_has_left_it(own_postgres: Postgres) -> None:
    """Another one may have been promoted, where others have ended the session: what this one finds is not durable."""
    login = session(1).session_id, session(1).login_id
    async with opened(own_postgres.dsn(own_postgres.new_database())) as ledger:
        await open_(ledger, session(1))
        with commits_that_wait_for_a_standby(own_postgres):
            asking = await cancelled_in_its_wait(own_postgres, lambda: ledger.open_by(*login))
            with pytest.raises(LedgerUnavailable, match="nobody knows"):
                await asking
        assert await ledger.open_by(*login) is not None


@contextmanager
def commits_that_wait_for_a_standby(postgres: Postgres) -> Iterator[None]:
    """Have each commit wait for one that is not there, as long as the context is."""
    wait_for_standby(postgres, "nobody")
    try:
        yield
    finally:
        wait_for_standby(postgres, "")


def wait_for_standby(postgres: Postgres, names: str) -> None:
    postgres.administer(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    postgres.administer("SELECT pg_reload_conf()")


async def cancelled_in_its_wait(postgres: Postgres, ask: Callable[[], Coroutine[Any, Any, object]]) -> "asyncio.Task[object]":
    """Ask until the one commit of that waits, and end its wait. The server reads its settings some time after it was told to."""
    asking = asyncio.create_task(ask())
    async with asyncio.timeout(SOON):
        while postgres.administer(CANCEL_WAIT) == []:
            if asking.done():
                asking = asyncio.create_task(ask())
            await asyncio.sleep(0.02)
    return asking


async def test_a_replica_paused_in_a_transaction_holds_up_the_others_for_seconds_only(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    async with opened(address) as ledger:
        with replica(address, "pauses") as paused:
            assert await asyncio.to_thread(said, paused) == "paused"
            await until_it_works(ledger, 1)
            paused.send_signal(signal.SIGCONT)
            assert (await asyncio.to_thread(said, paused)).startswith("unavailable: ")
            assert await asyncio.to_thread(said, paused) == "recorded"
        assert len(await ledger.listing()) == 2


async def test_the_claims_of_a_killed_replica_are_taken_over_after_their_time_not_before(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    claim = 1.5
    async with opened(address, Standstill(claim, counted=1.0)) as ledger:
        with replica(address, "works") as works:
            assert await asyncio.to_thread(said, works) == "at work"
            last_seen = time.monotonic()  # or later: the next line sees it
            assert await ledger.claim_due(FAR, per_origin=9, limit=9) == []
            works.kill()
            works.wait()
        found = list[Debt]()

        async def has_found() -> bool:
            found.extend(await ledger.claim_due(FAR, per_origin=9, limit=9))
            return bool(found)

        await until(has_found)
        assert time.monotonic() - last_seen >= claim, "a call of it may have been under way when it was last seen"
        assert [debt.session_id for debt in found] == [session(6).session_id]
        totals = await ledger.statistics()
        assert (totals.openings, totals.unknown) == (0, 1)


async def test_a_restart_does_not_wait_for_the_claims_of_a_process_that_was_killed(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    with replica(address, "works") as works:
        assert await asyncio.to_thread(said, works) == "at work"
        works.send_signal(signal.SIGSTOP)
        async with opened(address) as beside_a_paused_one:
            assert await beside_a_paused_one.claim_due(FAR, per_origin=9, limit=9) == []
        works.kill()
        works.wait()
    with capture_logs() as logs:
        async with opened(address) as restarted:
            found = await restarted.claim_due(FAR, per_origin=9, limit=9)
            totals = await restarted.statistics()

    assert [debt.session_id for debt in found] == [session(6).session_id]
    assert (totals.openings, totals.unknown, totals.maybe_twice) == (0, 1, 1)
    (told,) = [line for line in logs if line["event"].startswith("a server that shares the ledger is gone")]
    assert (told["tried"], told["unknown_logins"], told["unknown_refreshes"]) == (1, 1, 1)


class Watched(SetClock):
    """A clock that tells whether somebody has looked."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Event()

    def __call__(self) -> float:
        self.looked.set()
        return super().__call__()


async def test_a_database_that_stands_still_is_nobodys_death(own_postgres: Postgres) -> None:
    address = own_postgres.dsn(own_postgres.new_database())
    clock = Watched()
    standstill = Standstill(60.0, counted=math.inf, clock=clock)
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(opened(address, standstill)) for _ in range(2)]
        await record(first, 1)
        assert await second.claim_due(FAR, per_origin=9, limit=9) != []
        assert await first.claim_due(FAR, per_origin=9, limit=9) == []
        own_postgres.server.pause()
        clock.looked.clear()
        waiting = asyncio.create_task(first.claim_due(FAR, per_origin=9, limit=9))
        assert await asyncio.to_thread(clock.looked.wait, SOON)
        clock.now += 1_000
        own_postgres.server.resume()
        assert await asyncio.wait_for(waiting, SOON) == []
        assert await first.claim_due(FAR, per_origin=9, limit=9) == []
        assert len(await second.listing()) == 1


async def test_a_record_whose_caller_has_gone_ends_no_session_that_was_opened_since(postgres: Postgres) -> None:
    """A cleanup that was answered 503 names no login: recorded late, it would end whatever is open by then."""
    address = postgres.dsn(database := postgres.new_database())
    async with opened(address) as late, opened(address) as other:
        await other.begin_opening(opening(session(1)))
        with psycopg.connect(address) as holder:
            holder.execute(TAKE_LOCK.encode())
            before = asyncio.create_task(late.statistics())
            await waiting_for_the_lock(postgres, database, 1)
            recording = asyncio.create_task(record(late, 1))
            await asyncio.sleep(0)  # it is behind the other one
            recording.cancel()
            opens = asyncio.create_task(other.open_session(session(1), None, drivers=()))
            await waiting_for_the_lock(postgres, database, 2)
        await before
        assert (await opens).is_open
        await late.statistics()  # by now, the record would have been written
        assert await other.open_by(session(1).session_id, session(1).login_id) is not None


async def waiting_for_the_lock(postgres: Postgres, database: str, number: int) -> None:
    """Wait until so many transactions of a ledger wait for the others."""
    locks = "pg_locks JOIN pg_database ON pg_database.oid = database"
    query = f"SELECT count(*) FROM {locks} WHERE locktype = 'advisory' AND NOT granted AND datname = '{database}'"
    await until(lambda: _finds(postgres, query, number))


async def _finds(postgres: Postgres, query: str, number: int) -> bool:
    return postgres.administer(query) == [(number,)]


async def test_a_claim_whose_release_failed_ends_with_the_next_tick(postgres: Postgres) -> None:
    """A server that is being emptied claims nothing more, which would end it as well."""

    async def unavailable(_: object) -> None:
        raise LedgerUnavailable("the database is away")

    address = postgres.dsn(postgres.new_database())
    async with opened(address) as one, opened(address) as other:
        await record(one, 1)
        (claimed,) = await one.claim_due(FAR, per_origin=9, limit=9)
        with in_place_of(one, "_transact_claims", unavailable), pytest.raises(LedgerUnavailable):
            await one.release(claimed)
        before = await other.claim_due(FAR, per_origin=9, limit=9)
        await one.tick()
        found = await other.claim_due(FAR, per_origin=9, limit=9)

    assert (before, [debt.id for debt in found]) == ([], [claimed.id])
