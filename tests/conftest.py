"""Real servers: shared ones, and for a test that counts, kills or flushes one of its own."""

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests import redis_kin
from tests.postgres import Postgres, pgbouncer, postgres_server
from tests.provision import found, how_to_install, lacking_for_node
from tests.servers import RealServer, memcached_server, redis_server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse parameters out of a set: each process would have them in an order of its own, and `make test` has several."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if isinstance(mark.args[1], set | frozenset):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: the parameters are a set; sort them")


@pytest.fixture(scope="session")
def redis_binary() -> None:
    """Skip the test where there is no Redis on this machine; in CI, fail it."""
    _need("redis-server")


@pytest.fixture(scope="session")
def memcached_binary() -> None:
    """Skip the test where there is no memcached on this machine; in CI, fail it."""
    _need("memcached")


@pytest.fixture(scope="session")
def nutcracker_binary() -> None:
    """Skip the test where there is no twemproxy on this machine; in CI, fail it."""
    _need("nutcracker")


@pytest.fixture(scope="session")
def redis_kin_binaries() -> None:
    """Skip the test where there is no Redis 6.2 and no Valkey on this machine; in CI, fail it if there could be."""
    if not redis_kin.are_offered():
        pytest.skip("there is no Redis 6.2 for this machine")
    if not redis_kin.are_there():
        do_without("Redis 6.2 and Valkey are not there: try `python -m tests.provision`")


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


@pytest.fixture(scope="session")
def postgres_binary() -> None:
    """Skip the test where there is no PostgreSQL on this machine; in CI, fail it."""
    _need("postgres")


@pytest.fixture(scope="session")
def postgres(postgres_binary: None) -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this run: each takes databases of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def bouncer_binary() -> None:
    """Skip the test where there is no PgBouncer on this machine; in CI, fail it."""
    _need("pgbouncer")


@pytest.fixture(scope="session")
def bouncer(postgres: Postgres, bouncer_binary: None) -> Iterator[RealServer]:
    """A PgBouncer in transaction mode before all databases of `postgres`."""
    with pgbouncer(postgres) as server:
        yield server


@pytest.fixture
def own_postgres(postgres_binary: None) -> Iterator[Postgres]:
    """A PostgreSQL for this test alone, to be killed or paused."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def node_packages() -> None:
    """Skip the test where Node.js or the packages of the OAuth 2.0 server are missing; in CI, fail it."""
    if lacking := lacking_for_node():
        do_without(lacking)


@pytest.fixture(scope="session")
def jdk() -> None:
    """Skip the test where there is no JDK on this machine; in CI, fail it."""
    _need("javac")


@pytest.fixture(scope="session")
def haproxy_binary() -> None:
    """Skip the test where there is no HAProxy on this machine; in CI, fail it."""
    _need("haproxy")


@pytest.fixture
def own_redis(redis_binary: None) -> Iterator[RealServer]:
    """A Redis server for this test alone, to be counted, killed or flushed."""
    with redis_server() as server:
        yield server


@pytest.fixture
def own_memcached(memcached_binary: None) -> Iterator[RealServer]:
    """A memcached server for this test alone, to be killed or flushed."""
    with memcached_server() as server:
        yield server


def _need(binary: str) -> None:
    if found(binary) is None:
        do_without(how_to_install(binary))


def cannot_be_had_here(reason: str) -> NoReturn:
    """Skip the test, also in CI: this machine gives nobody what it needs, as a container that lets not even root mount."""
    pytest.skip(reason)


def do_without(reason: str) -> NoReturn:
    """Skip the test; in CI, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
