"""A server whose store or ledger is away: whether a load balancer should send it work, and what it does with that work."""

import asyncio
from pathlib import Path

from tests.drivers.stores import memory_before
from tests.e2e.opshub import until_degraded
from tests.servers import RealServer
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_in_use import ROUTES
from tests.sessions.test_missed import out_of_order

AT_ONCE = 10.0
"""Seconds for what waits for nothing, on a busy machine."""


async def test_without_its_authority_a_server_is_ready_and_reads_are_misses(
    own_redis: RealServer, desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section + memory_before(own_redis), routes=ROUTES) as server:
        headers = await opened(server, session)
        before = [(await server.opshub.call("/cached", headers)).body for _ in range(2)]
        own_redis.kill()
        ready = await until_degraded(server.opshub, "shared")
        without = [(await server.opshub.call("/cached", headers)).body["session"] for _ in range(2)]

    assert before[0] == before[1]
    assert len({before[0]["session"], *without}) == 3, "each call loads anew"
    assert (ready.status, ready.body["status"], ready.body["ledger"]) == (200, "ready", "up")
    assert (ready.body["drivers"]["memory"], ready.body["drivers"]["shared"] == "up") == ("up", False)
    assert ready.body["degraded"]["shared"].startswith("reads are misses")


async def test_no_read_waits_for_an_authority_that_is_known_to_be_silent(
    own_redis: RealServer, desk: Desk, session: str, tmp_path: Path
) -> None:
    """Each read would wait here until the connection is given up, which takes much longer than both calls may."""
    patient = "[storage.deadlines]\nread = 600\nping = 1\n"
    async with served(tmp_path, desk.section + memory_before(own_redis) + patient, routes=ROUTES) as server:
        headers = await opened(server, session)
        own_redis.pause()
        await until_degraded(server.opshub, "shared")
        async with asyncio.timeout(AT_ONCE):
            statuses = [(await server.opshub.call("/cached", headers)).status for _ in range(2)]
        own_redis.resume()
        await until_degraded(server.opshub)
        found = [(await server.opshub.call("/cached", headers)).body["session"] for _ in range(2)]

    assert statuses == [200, 200]
    assert found[0] == found[1], "it is a cache again"


async def test_a_cleanup_without_the_authority_is_kept_in_every_respect_once_it_is_back(
    own_redis: RealServer, desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section + memory_before(own_redis), routes=ROUTES) as server:
        headers = await opened(server, session)
        cached = (await server.opshub.call("/cached", headers)).body["session"]
        own_redis.kill()
        await until_degraded(server.opshub, "shared")
        cleaned_up = await server.opshub.cleanup(session, headers, SYSTEM)
        assert not desk.alive
        again = await opened(server, session)
        anew = (await server.opshub.call("/cached", again)).body["session"]
        own_redis.start()
        ready = await until_degraded(server.opshub)
        after = (await server.opshub.call("/cached", again)).body["session"]

    assert (cleaned_up.status, cleaned_up.body["errors"]["code"]) == (503, "eviction_unavailable")
    assert (ready.status, ready.body["degraded"]) == (200, {})
    assert cached not in {anew, after}


async def test_a_server_that_is_to_have_its_stores_is_not_ready_without_one(
    own_redis: RealServer, desk: Desk, tmp_path: Path
) -> None:
    needs_stores = '[server]\nready = "store"\n'
    async with served(tmp_path, desk.section + memory_before(own_redis) + needs_stores) as server:
        assert (await server.opshub.ready()).status == 200
        own_redis.kill()
        answer = await server.opshub.until_ready_answers(503)
        own_redis.start()
        await server.opshub.until_ready_answers(200)

    assert answer.body["status"] == "unavailable"


async def test_a_server_whose_ledger_takes_nothing_is_not_ready_until_it_does(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)
        with out_of_order(tmp_path):
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 503
            unable = await server.opshub.ready()
        able = await server.opshub.until_ready_answers(200)

    assert (unable.status, unable.body["status"]) == (503, "unavailable")
    assert unable.body["ledger"] == "records that it could not take are kept in memory until it can: 1"
    assert (able.body["ledger"], able.body["degraded"]) == ("up", {})
