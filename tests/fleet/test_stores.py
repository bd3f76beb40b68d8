"""A store that is away, or two of them at once, and what becomes of the sessions of a fleet."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from tests.drivers.stores import fresh_namespace
from tests.fleet.gates import gate_after, gate_before
from tests.fleet.replicas import Fleet, eventually
from tests.ledger.ledgers import record, until
from tests.servers import RealServer
from tests.sessions.test_cleanup import GLOBAL

DEAD = 401
PARTED = "another replica uses another store: reads are misses until both use one"


async def test_of_two_stores_at_once_one_is_not_told_and_the_seal_is_dead_within_a_look(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    async with fleet.replicas() as (one, other):
        await other.cable.lead_to(own_redis.port)
        headers = await one.opened(session)
        with gate_before(other.live, "look"):
            before = await other.status(headers)
            cleaned = await one.cleanup(session, headers)
            not_told = await other.status(headers)
        await other.live.look()
        afterwards = await other.status(headers)

    assert (before, cleaned.status, not_told, afterwards) == (200, 200, 200, DEAD)


async def test_of_two_stores_at_once_nothing_is_served_once_the_replicas_know(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        kept = [await each.remember(headers, "value") for each in (one, other)]
        await other.cable.lead_to(own_redis.port)
        await eventually(lambda: all(each.parts.storage.is_parted for each in (one, other)))
        found = [await each.recall(headers) for each in (one, other)]
        ready = [await each.opshub.call("/health/ready") for each in (one, other)]
        await other.cable.lead_to(fleet.redis.port)
        await eventually(lambda: all(each.parts.storage.trusted for each in (one, other)))
        afterwards = [await each.recall(headers) for each in (one, other)]

        async def is_shared() -> bool:
            return await one.remember(headers, "later") and await other.recall(headers) == "later"

        await until(is_shared)  # each of them has everything invalidated, at a time of its own

    assert (kept, found, afterwards) == ([True, True], [None, None], [None, None])
    assert [(each.status, each.body["degraded"]["shared"]) for each in ready] == [(200, PARTED)] * 2


async def test_what_only_another_store_was_told_to_evict_is_not_served_afterwards(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    """The replica that has told it goes. The other one has never left its store, so that only the ledger can tell it."""
    async with AsyncExitStack() as life, fleet.replica("one") as one:
        other = await life.enter_async_context(fleet.replica("other"))
        headers = await one.opened(session)
        await one.remember(headers, "stale", "/system")
        await other.cable.lead_to(own_redis.port)
        await eventually(lambda: all(each.parts.storage.is_parted for each in (one, other)))
        cleaned = await other.opshub.cleanup(session, headers, GLOBAL)
        again = await one.opened(session)
        await life.aclose()
        await eventually(lambda: one.parts.storage.trusted)
        found = await one.recall(again, "/system")

    assert (cleaned.status, found) == (200, None)


async def test_what_a_replica_that_is_gone_has_left_in_another_store_is_not_served(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    async with AsyncExitStack() as life, fleet.replica("other") as other:
        one = await life.enter_async_context(fleet.replica("one"))
        headers = await one.opened(session)
        await one.remember(headers, "stale", "/system")
        await other.cable.lead_to(own_redis.port)
        await eventually(lambda: all(each.parts.storage.is_parted for each in (one, other)))
        await life.aclose()
        await eventually(lambda: other.parts.storage.trusted)
        cleaned = await other.opshub.cleanup(session, headers, GLOBAL)
        again = await other.opened(session)
        await other.cable.lead_to(fleet.redis.port)
        assert other.parts.peers is not None
        await other.parts.peers.look()
        found = await other.recall(again, "/system")
        await eventually(lambda: other.parts.storage.trusted)
        found_then = await other.recall(again, "/system")

    assert (cleaned.status, found, found_then) == (200, None, None)


async def test_the_end_of_a_session_that_only_memory_knows_is_looked_for_by_itself(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    async with fleet.replicas() as (one, other):
        await other.cable.lead_to(own_redis.port)
        headers = await one.opened(session)
        await other.status(headers)
        await one.cleanup(session, headers)
        await eventually(lambda: not len(other.live))


async def test_without_a_stamp_the_ledger_is_asked_for_each_call(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        await other.status(headers)
        await other.cable.cut()
        alone = await other.status(headers)
        await one.cleanup(session, headers)
        afterwards = await other.status(headers)

    assert (alone, afterwards) == (200, DEAD)


async def test_a_second_initialize_while_the_store_is_known_to_be_away_makes_no_login(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        await other.lose_the_store()
        answers = [await other.initialize(session, headers) for headers in (old, None)]
        found = await one.status(old)

    assert [(each.status, each.body["errors"]["code"]) for each in answers] == [(503, "store_unavailable")] * 2
    assert (fleet.desk.logins, found) == (1, 200)


async def test_a_first_initialize_needs_no_store(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        await other.lose_the_store()
        headers = await other.opened(session)
        statuses = [await each.status(headers) for each in (one, other)]

    assert statuses == [200, 200]


async def test_a_second_initialize_whose_eviction_fails_is_a_503_and_both_logins_end(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        await one.remember(old, "of the old login")
        with gate_before(other.parts.storage.watch, "look"):
            await other.cable.cut()
            answer = await other.initialize(session, old)
        assert (answer.status, answer.body["errors"]["code"]) == (503, "store_unavailable")
        await one.live.look()
        status = await one.status(old)
        other.cable.mend()
        await eventually(lambda: not fleet.desk.alive)

    assert (status, fleet.desk.logins) == (DEAD, 2)


async def test_a_new_login_finds_nothing_of_the_old_one_where_no_eviction_came(
    fleet: Fleet, own_redis: RealServer, session: str
) -> None:
    async with fleet.replicas() as (one, other):
        await other.cable.lead_to(own_redis.port)
        old = await one.opened(session)
        await one.remember(old, "of the old login")
        new = await other.opened(session, old)
        found = await one.recall(new)

    assert found is None


async def test_only_the_eviction_of_the_shared_store_is_owed_and_the_others_are_done(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_after(one.ledger, "record") as recorded:
            cleanup = asyncio.create_task(one.cleanup(session, headers))
            await recorded.met()
            owed = [{*debt.evictions} for debt in await other.ledger.owed_evictions("shared")]
            recorded.open()
            answer = await cleanup

    assert owed == [{"shared"}]
    assert {name: each["outcome"] for name, each in answer.body["eviction"].items()} == {"memory": "evicted", "shared": "evicted"}


async def test_what_is_owed_to_a_store_stays_owed_as_long_as_another_replica_uses_it(fleet: Fleet, session: str) -> None:
    elsewhere = replace(fleet, store="elsewhere", namespace=fresh_namespace())
    async with AsyncExitStack() as life:
        one = await life.enter_async_context(fleet.replica("one"))
        headers = await one.opened(session)
        await one.lose_the_store()
        assert one.parts.peers is not None
        await one.parts.peers.look()  # tells that its store does not answer: another replica may start without it
        cleaned = await one.cleanup(session, headers)
        async with elsewhere.replica("other") as other:
            struck = await other.parts.unused_stores.look()
            owed = [{*debt.evictions} for debt in await other.ledger.owed_evictions(None)]
            await life.aclose()
            struck_alone = await other.parts.unused_stores.look()
            left = await other.ledger.owed_evictions(None)

    assert (cleaned.status, struck, owed) == (503, False, [{"shared"}])
    assert (struck_alone, left) == (True, [])


async def test_replicas_that_use_one_store_strike_out_what_is_owed_to_another_one(fleet: Fleet) -> None:
    async with fleet.replicas() as (one, _):
        await record(one.ledger, 1, drivers=("gone",))

        async def owes_nothing() -> bool:
            await one.parts.unused_stores.look()
            return not await one.ledger.owed_evictions("gone")

        await until(owes_nothing)
