"""Servers that tests share; one that kills, pauses or reconfigures its server starts one of its own from `tests.servers`."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.provision import how_to_install
from tests.servers import RealServer, memcached_server, redis_server


@pytest.fixture(scope="session")
def redis_binary() -> None:
    """Skip the test where there is no Redis on this machine; in CI, fail it."""
    _need("redis-server")


@pytest.fixture(scope="session")
def memcached_binary() -> None:
    """Skip the test where there is no memcached on this machine; in CI, fail it."""
    _need("memcached")


@pytest.fixture(scope="session")
def redis(redis_binary: None) -> Iterator[RealServer]:
    """A Redis server for all tests of this run: each takes a namespace of its own."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def memcached(memcached_binary: None) -> Iterator[RealServer]:
    """A memcached server for all tests of this run: each takes a namespace of its own."""
    with memcached_server() as server:
        yield server


def _need(binary: str) -> None:
    if shutil.which(binary) is None:
        reason = how_to_install(binary)
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
