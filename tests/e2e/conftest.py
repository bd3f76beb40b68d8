"""The real end systems, one process each for all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.drivers.stores import fresh_namespace
from tests.e2e.sharing_servers import CONFIG, Fleet
from tests.endsystems.real_login import RealEndSystem
from tests.endsystems.real_oauth import DjangoOAuthToolkit, OidcProvider, django_oauth_toolkit, oidc_provider
from tests.endsystems.real_roundup import Roundup, roundup
from tests.ports import HOST, free_port
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk
from tests.sessions.served import KEYS


@pytest.fixture(scope="session")
def oidc(node_packages: None) -> Iterator[OidcProvider]:
    with oidc_provider() as server:
        yield server


@pytest.fixture(scope="session")
def django_site() -> Iterator[DjangoOAuthToolkit]:
    with django_oauth_toolkit() as server:
        yield server


@pytest.fixture(scope="session")
def tracker() -> Iterator[Roundup]:
    with roundup() as server:
        yield server


@pytest.fixture(params=["oidc", "django_site", "tracker"])
def end_system(request: pytest.FixtureRequest) -> RealEndSystem:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, RealEndSystem)
    return found


@pytest.fixture
def session() -> str:
    return str(uuid4())


@pytest.fixture
def nowhere() -> str:
    """A base URL on which nobody listens."""
    return f"http://{HOST}:{free_port()}"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """An end system that logs in and out."""
    async with Desk() as system:
        yield system


@pytest.fixture
def fleet(tmp_path: Path, redis: RealServer, postgres: Postgres, bouncer: RealServer, desk: Desk) -> Fleet:
    """What starts servers. They reach the database by PgBouncer."""
    dsn = postgres.dsn(postgres.new_database(), port=bouncer.port)
    config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace())
    return Fleet(tmp_path, config, {"LEDGER_DSN": dsn, **KEYS})
