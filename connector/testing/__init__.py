"""Help for an author's tests: OpsHub's calls, a session for unit tests, an end system to script, a clock to set.

Needs the project's extra `test`, and in `conftest.py` the line `pytest_plugins = ["connector.testing"]`. Then for instance:

    @pytest.fixture
    def connector_app(connector_environ):
        return create_app("config.toml", routes=ROUTES, environ=connector_environ)

    async def test_users_are_listed(opshub):
        session = await opshub.initialize({"url": TRACKER, "user": "demo", "password": "demo"})
        assert (await session.get("/users")).status == 200
        await session.cleanup()

    async def test_a_tracker_that_is_away_is_told(end_system):
        end_system.answers("GET", "/users", status=503)
        async with session_without_server(end_system.url) as session:
            with pytest.raises(aiohttp.ClientResponseError):
                await call_handler(get_users, session)
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from aiohttp import web

from connector.testing.handler_calls import call_handler, session_without_server
from connector.testing.on_a_free_port import served
from connector.testing.opshub_calls import Answer, OpsHub, OpsHubSession, opshub_at
from connector.testing.scripted_end_system import Received, ScriptedEndSystem
from connector.testing.set_clock import Clock

__all__ = [
    "Answer",
    "Clock",
    "OpsHub",
    "OpsHubSession",
    "Received",
    "ScriptedEndSystem",
    "call_handler",
    "connector_environ",
    "end_system",
    "opshub",
    "opshub_at",
    "served",
    "session_without_server",
]


@pytest.fixture
def connector_environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give an environment in which a connector writes into a folder of its own, so that it disturbs no other."""
    files = {
        "CONNECTOR__LEDGER__PATH": "ledger.sqlite3",
        "CONNECTOR__LEDGER__KEY_FILE": "ledger.keys",
    }
    places = {name: str(tmp_path / file) for name, file in files.items()}
    with TemporaryDirectory() as folder:  # the other one may be too deep for a socket
        places["CONNECTOR__CONTROL__SOCKET"] = f"{folder}/control.sock"
        yield {**os.environ, **places, "CONNECTOR__STORAGE__DRIVERS": '["memory"]', "CONNECTOR__METRICS__PORT": "0"}


@pytest_asyncio.fixture
async def opshub(connector_app: web.Application) -> AsyncIterator[OpsHub]:
    """Give an OpsHub for the author's connector, which is the fixture `connector_app`."""
    async with served(connector_app) as url, opshub_at(url) as hub:
        yield hub


@pytest_asyncio.fixture
async def end_system() -> AsyncIterator[ScriptedEndSystem]:
    """Give an end system to script. The test fails if that was sent what is not in its script."""
    async with ScriptedEndSystem().serving() as serving:
        yield serving
    if serving.unexpected:
        pytest.fail(f"the end system's script has no answer to {', '.join(serving.unexpected)}")
