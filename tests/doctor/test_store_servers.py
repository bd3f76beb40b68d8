"""The server that holds the entries: its version, its settings and its clock are looked at, of Redis and of Valkey."""

import time

from connector.doctor.finding import Condition, DoctorFinding
from connector.doctor.stores import store_findings
from drivers import Capabilities, Driver, Sharing, StoreServer
from drivers.memory import MemoryDriver
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import aiocache_driver
from tests.redis_kin import OLD_REDIS, VALKEY
from tests.servers import RealServer, redis_server


class AheadDriver(MemoryDriver):
    """A driver over a server whose clock is an hour ahead."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(shared=Sharing.MACHINES)

    async def server(self) -> StoreServer:
        return StoreServer("Ahead 1.0", time.time() + 3600)


async def found_at(server: RealServer) -> dict[str, DoctorFinding]:
    return await found_of(aiocache_driver(server, "redis"))


async def found_of(driver: Driver) -> dict[str, DoctorFinding]:
    return {each.name.removeprefix(f"store-{driver.name}-"): each for each in await store_findings([driver])}


async def test_a_sound_redis_is_told_with_its_version_and_its_clock(redis: RealServer) -> None:
    found = await found_at(redis)

    assert (found["server"].condition, found["server"].seen[:6]) == (Condition.SOUND, "Redis ")
    assert found["clock"].condition is Condition.SOUND


async def test_a_valkey_is_told_by_its_own_version(redis_kin_binaries: None) -> None:
    with redis_server(binary=VALKEY) as valkey:
        found = await found_at(valkey)

    assert (found["server"].condition, found["server"].seen[:8]) == (Condition.SOUND, "Valkey 8")


async def test_a_store_whose_clock_is_ahead_is_a_warning() -> None:
    found = (await found_of(AheadDriver("ahead", MemoryDriver.Settings())))["clock"]

    assert (found.condition, found.seen) == (Condition.WARNING, "its clock is 3,600 s ahead of that of this machine")


async def test_a_redis_that_may_drop_any_key_is_a_warning_with_what_to_set(own_redis: RealServer) -> None:
    async with administrator(own_redis) as admin:
        await run(admin, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

    found = (await found_at(own_redis))["server"]

    assert (found.condition, "may drop keys" in found.seen) == (Condition.WARNING, True)
    assert found.remedy == "set another maxmemory-policy (maxmemory-policy volatile-lru)"


async def test_an_old_redis_is_a_warning(redis_kin_binaries: None) -> None:
    with redis_server(binary=OLD_REDIS) as old:
        found = (await found_at(old))["server"]

    assert (found.condition, found.seen[:10], found.remedy) == (Condition.WARNING, "Redis 6.2.", "use version 7 or newer")
