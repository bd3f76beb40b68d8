"""The authority dies during cleanups: what it could not evict is owed, and made good before it is believed again."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.api.answers import answer
from connector.assembly.parts import Parts
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.preflight.keyfile import load_keyring
from connector.preflight.loading import load
from tests.drivers.stores import memory_before
from tests.servers import RealServer
from tests.torture.recovery import LOOK_EVERY, Clock, all_done, running
from tests.torture.world import Session, World, world

WITHIN = 60.0


@pytest.fixture
async def scene(own_redis: RealServer, tmp_path: Path) -> AsyncIterator[World]:
    load_keyring(tmp_path / "ledger.keys", {}, ledger=tmp_path / "ledger.sqlite3")
    async with world(tmp_path, memory_before(own_redis)) as found:
        yield found


async def test_a_killed_redis_makes_503_and_its_debt_is_paid_before_it_is_trusted_again(
    scene: World, own_redis: RealServer
) -> None:
    clock = Clock()
    async with running(load(scene.config, {}).settings, clock) as parts:
        await until_trusted(parts)
        session = await scene.log_in()
        own_redis.kill()
        assert await status_of(parts, session) == HTTPStatus.SERVICE_UNAVAILABLE
        assert not parts.storage.trusted
        assert len(await parts.ledger.owed_evictions("shared")) == 1
        own_redis.start()
        await until_trusted(parts)
        assert not await parts.ledger.owed_evictions("shared")
        await must_be_over(scene, parts, clock)


async def test_the_debt_of_an_authority_that_was_silent_survives_the_kill_of_the_server(
    scene: World, own_redis: RealServer
) -> None:
    await scene.server.start()
    session = await scene.log_in(everything=True)
    own_redis.pause()
    assert await scene.cleanup(session) == HTTPStatus.SERVICE_UNAVAILABLE
    await scene.server.kill()
    clock = Clock()
    async with running(load(scene.config, {}).settings, clock) as parts:
        assert not parts.storage.trusted
        assert len(await parts.ledger.owed_evictions("shared")) == 1
        own_redis.resume()
        await until_trusted(parts)
        assert not await parts.ledger.owed_evictions("shared")
        await must_be_over(scene, parts, clock)


async def status_of(parts: Parts, session: Session) -> HTTPStatus:
    """Clean up within this process, where what it trusts can be seen."""
    credential = Credential([("Authorization", session.token)])
    request = CleanupRequest(session.id, f"system of {session.id}", global_cache=False, credential=credential)
    return answer(await parts.orchestrator.cleanup(request)).status


async def until_trusted(parts: Parts) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            if parts.storage.trusted:
                return
            await asyncio.sleep(LOOK_EVERY)


async def must_be_over(scene: World, parts: Parts, clock: Clock) -> None:
    """Nothing is owed any more, nobody is logged in, and nothing that was cached is served."""
    await all_done(parts, clock)
    known = {debt.session_id for debt in await parts.ledger.listing(states=[*LogoutState])}
    verdict = await scene.judge(scene.sessions, recorded=known)
    assert verdict.clean, verdict
    assert known == {session.id for session in scene.sessions}
