"""An administrator evicts a system's cache at one replica: no replica serves it any more, and nobody is logged out."""

from uuid import uuid4

from connector.admin.caching import Caching
from tests.fleet.replicas import Fleet, Replica, eventually
from tests.sessions.desk import Desk

WHOLE = "/system"


def caching(replica: Replica) -> Caching:
    parts = replica.parts
    return Caching(parts.storage, parts.orchestrator, parts.ledger, parts.metrics)


async def test_what_one_replica_evicts_no_replica_serves_and_sessions_stay_open(fleet: Fleet, desk: Desk, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        assert await one.remember(headers, "old", WHOLE)
        assert await one.remember(headers, "own")
        assert [await each.recall(headers, WHOLE) for each in (one, other)] == ["old", "old"]
        shown = await caching(other).shown(None)

        evicted = await caching(other).evict("A")

        assert [await each.recall(headers, base) for each in (one, other) for base in (WHOLE, "")] == [None] * 4
        assert [await each.status(headers) for each in (one, other)] == [200, 200]
        owed = await one.ledger.listing()

    assert [each.system for each in shown.systems] == ["A"]
    held = shown.systems[0].held["shared"]
    assert held is not None
    assert held.entries == 2
    assert (evicted.evictions, evicted.owed, evicted.recorded) == ({"memory": "evicted", "shared": "evicted"}, [], True)
    assert (owed, len(desk.alive), len(desk.logouts)) == ([], 1, 0)


async def test_an_eviction_while_the_store_is_away_is_owed_and_nothing_older_is_served(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        assert await one.remember(headers, "old", WHOLE)
        await one.lose_the_store()

        evicted = await caching(one).evict("A")

        assert (evicted.evictions["memory"], evicted.owed, evicted.recorded) == ("evicted", ["shared"], True)
        assert await one.recall(headers, WHOLE) is None
        shown = await caching(one).shown("A")
        assert shown.systems[0].held["shared"] is None
        assert shown.drivers[-1].state != "up"
        one.cable.mend()
        await eventually(lambda: one.parts.storage.trusted)
        assert [await each.recall(headers, WHOLE) for each in (one, other)] == [None, None]
        assert await one.ledger.listing() == []


async def test_a_system_of_which_nothing_is_known_is_evicted_all_the_same(fleet: Fleet) -> None:
    async with fleet.replicas(1) as (one,):
        evicted = await caching(one).evict(f"system {uuid4()}")
        assert evicted.owed == []
        assert (await caching(one).shown(None)).systems == []
