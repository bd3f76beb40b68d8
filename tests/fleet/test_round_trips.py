"""What a call waits for in the network, one after the other."""

import asyncio
from typing import Any

import pytest
from redis import Redis

from drivers.aiocached.aiocache_driver import AiocacheDriver
from tests.fleet.cable import Rounds
from tests.fleet.gates import counted, in_place_of
from tests.fleet.replicas import Fleet

TOGETHER = 2


@pytest.fixture
def no_upkeep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls alone ask the store. A server tidies up and counts in the background as well, soon after it has started."""

    async def nothing_is_left(*_: Any) -> bool:
        return False

    async def nothing_is_told(*_: Any) -> None:
        return None

    monkeypatch.setattr(AiocacheDriver, "purge", nothing_is_left)
    monkeypatch.setattr(AiocacheDriver, "statistics", nothing_is_told)


async def test_a_call_asks_for_both_its_stamps_at_once(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        authority, meeting = other.parts.storage.authority, asyncio.Barrier(TOGETHER)
        real = authority.stamp

        async def stamp_of_two(*scopes: Any) -> Any:
            await meeting.wait()  # one that comes alone waits for its deadline, and has no stamp
            return await real(*scopes)

        with in_place_of(authority, "stamp", stamp_of_two):
            kept = await other.remember(headers, "value")

    assert kept


async def test_a_hot_read_of_a_known_session_asks_no_ledger_and_the_store_in_two_rounds(fleet: Fleet, session: str) -> None:
    rounds: list[list[str]] = [[]]
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        await other.remember(headers, "value")
        await other.recall(headers)
        authority = other.parts.storage.authority
        real = authority.stamp

        async def stamp(*scopes: Any) -> Any:
            rounds[-1].append("asked")
            answer = await real(*scopes)
            if rounds[-1]:
                rounds.append([])
            return answer

        with in_place_of(authority, "stamp", stamp), counted(other.ledger, "open_by") as asked:
            found = await other.recall(headers)

    assert (found, asked, [len(each) for each in rounds if each]) == ("value", [], [2, 1])


@pytest.mark.usefixtures("no_upkeep")
async def test_a_call_with_one_hot_read_makes_two_round_trips_to_redis(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        await other.remember(headers, "value")
        await other.recall(headers)
        before = scripts_run(fleet)
        other.cable.rounds = rounds = Rounds(2, 1)
        found = await other.recall(headers)
        run = scripts_run(fleet) - before

    assert (found, rounds.asked, run) == ("value", 3, 3)


def scripts_run(fleet: Fleet) -> int:
    """Return how many the Redis has run, as it counts itself: all that drivers ask for on behalf of calls."""
    with Redis(port=fleet.redis.port) as client:
        return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])
