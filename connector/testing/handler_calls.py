"""A session without a server, and handlers that are called with it: for an author's unit tests."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from time import time
from types import MappingProxyType
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler

from connector.api.session_of_request import SESSION
from connector.cache import Cache, Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.config.settings import EndSystemSection, StorageDeadlines
from connector.endsystems.http.egress import checked_egress
from connector.endsystems.own_class import guarded_client
from connector.model.errors import ConfigurationError
from connector.sessions.background import Background
from connector.sessions.session import Session, System, Work
from connector.testing.opshub_calls import Answer
from drivers import SessionScope
from drivers.memory import MemoryDriver, MemorySettings

NONE: Mapping[str, str] = MappingProxyType({})
NO_BASE_URL = "this session of a test has no `base_url`"


@asynccontextmanager
async def session_without_server(
    base_url: str | None = None,
    *,
    settings: Mapping[str, str] = NONE,
    headers: Mapping[str, str] = NONE,
    session_id: str | None = None,
    system_id: str | None = "system",
    clock: Callable[[], float] = time,
) -> AsyncIterator[Session]:
    """Give a real session for a unit test: nothing has logged in, and nothing listens.

    Args:
        base_url: where the end system is, such as the `url` of a `ScriptedEndSystem`. Without it, there is no `session.http`.
        settings: what `session.settings` has.
        headers: what carries the login in each request of `session.http`.
        session_id: a new one unless it is given.
        system_id: None as from an old OpsHub.
        clock: tells how old a cached value is: a `Clock`, for instance.

    Work in the background begins as ever. What still runs at the end is cancelled, so call the work itself to see what it does.
    """
    scope = SessionScope(session_id or str(uuid4()), system_id)
    async with AsyncExitStack() as stack:
        caches = await stack.enter_async_context(_caches(scope, clock))
        http = NO_BASE_URL if base_url is None else await stack.enter_async_context(_client(base_url, headers))
        works = Background(lambda *_: None)
        stack.push_async_callback(works.drain)
        begin = partial(_begin, works)
        cache, system_cache = caches
        system = System(system_id, system_cache)
        session = Session(scope.session_id, system, cache, http, clock(), None, settings, lambda work: begin(session, work))
        yield session


async def call_handler(
    handler: Handler,
    session: Session,
    path: str = "/",
    *,
    method: str = "GET",
    json: Any = None,
    headers: Mapping[str, str] = NONE,
    match_info: Mapping[str, str] = NONE,
) -> Answer:
    """Call a handler with a session, and return its answer. What the handler raises is raised.

    `path` may have a query. `match_info` has the parts of the path that the route names: `{"id": "7"}` for `/issues/{id}`.
    """
    body = aiohttp.StreamReader(Mock(_reading_paused=False), 2**16)
    if json is not None:
        headers = {"Content-Type": "application/json", **headers}
        body.feed_data(msgspec.json.encode(json))
    body.feed_eof()
    request = make_mocked_request(method, path, headers, match_info={**match_info}, payload=body)
    request[SESSION] = session
    answered = await handler(request)
    if not isinstance(answered, web.Response):
        raise TypeError(f"the handler returned {type(answered).__name__}; expected an aiohttp.web.Response")
    return Answer(answered.status, msgspec.json.decode(answered.text) if answered.text else None)


@asynccontextmanager
async def _caches(scope: SessionScope, clock: Callable[[], float]) -> AsyncIterator[tuple[Cache, Cache]]:
    storage = Storage([MemoryDriver("memory", MemorySettings(), clock=clock)], StorageDeadlines())
    async with storage.opened():
        yield await Caches(Entries(storage, clock=clock, luck=lambda: 0.0), Loads()).of_both(scope, login_id="")


@asynccontextmanager
async def _client(base_url: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    problems: list[str] = []
    section = EndSystemSection(base_url=base_url)
    connections = checked_egress(section, {}, problems)
    if problems:
        raise ConfigurationError(problems)
    async with guarded_client(section, connections).http(headers=headers.items()) as client:
        yield client


async def _begin(works: Background, session: Session, work: Work) -> None:
    async def done() -> None:
        await work(session)

    works.start(session.session_id, "", done())
