"""What an administrator of a Redis server does to it, and sees of it."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis

from tests.ports import HOST
from tests.servers import RealServer


@asynccontextmanager
async def administrator(server: RealServer) -> AsyncIterator[Redis]:
    client = Redis(host=HOST, port=server.port)
    try:
        yield client
    finally:
        await client.aclose()


async def run(administrator: Redis, *command: str | bytes) -> Any:
    return await cast("Any", administrator).execute_command(*command)


async def keys(administrator: Redis) -> list[bytes]:
    found: list[bytes] = await run(administrator, "KEYS", "*")
    return found


async def commands_run(administrator: Redis) -> Counter[str]:
    """How often each command has been run since the server was started, those inside of scripts included."""
    statistics = await administrator.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): figures["calls"] for name, figures in statistics.items()})
