"""Our own server."""

import asyncio
import itertools
import os
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from bench.http.authored import ROUTES
from bench.http.load import SYSTEM, new_sessions
from bench.http.sampling import Sampler
from bench.measure import run_on_the_servers_loop
from connector.api.doors import opened_doors
from connector.api.parameters import SESSION
from connector.app import PARTS, create_app
from connector.cli.running import run
from connector.config.settings import Settings
from connector.preflight.loading import load
from connector.runtime.garbage_collection import raise_threshold
from connector.server import serve_app
from connector.telemetry.logs import configure_logs
from drivers import SessionScope, group_commit

CONFIG = "config.toml"
TASKS, SAMPLES, HELD = "/bench/tasks", "/bench/samples", "/bench/held"
AT_ONCE = 500
"""Sessions that have something cached at the same time."""


def command() -> None:
    """Do what `connector serve` does."""
    run(CONFIG)


def observed() -> None:
    """Do the same, and answer what goes on inside, and hold something for sessions that are cleaned up later.

    `GET /bench/tasks`: how many tasks there are. `POST /bench/samples`: begin to sample where the time goes; `GET` it at the end.
    `POST /bench/held?seed=&sessions=`: have something cached for so many of the sessions that `load` asks for with this seed.
    """
    app, settings = _application()
    _serve_observed(app, settings)


def living() -> None:
    """Do the same as `observed`, with the calls of `authored`."""
    app, settings = _application(ROUTES)
    _serve_observed(app, settings)


def without_group_commit() -> None:
    """Do the same as `observed`, but give everything that is written a transaction of its own."""
    group_commit.BATCH = 1
    observed()


def used() -> None:
    """Do the same as `observed`, and have something cached for each tenth session when its cleanup comes."""
    app, settings = _application()
    numbers = itertools.count()

    @web.middleware
    async def cached(request: web.Request, handler: Handler) -> web.StreamResponse:
        session = request.match_info.get(SESSION)
        if session and next(numbers) % 10 == 0:
            await _hold(app, session)
        return await handler(request)

    app.middlewares.append(cached)
    _serve_observed(app, settings)


def _application(routes: Collection[web.RouteDef] = ()) -> tuple[web.Application, Settings]:
    settings = load(Path(CONFIG), os.environ).settings
    configure_logs(settings.logs)
    return create_app(settings, routes=routes), settings


async def _hold(app: web.Application, session: str) -> None:
    cache = await app[PARTS].served.in_use.caches.of(SessionScope(session, SYSTEM))
    await cache.set("projects", "x" * 1_000)


def _serve_observed(app: web.Application, settings: Settings) -> None:
    samplers: list[Sampler] = []

    async def tasks(_: web.Request) -> web.Response:
        return web.json_response(len(asyncio.all_tasks()))

    async def begin(_: web.Request) -> web.Response:
        samplers.append(Sampler())
        samplers[-1].begin()
        return web.json_response(None)

    async def end(_: web.Request) -> web.Response:
        return web.json_response(samplers.pop().end())

    async def hold(request: web.Request) -> web.Response:
        sessions = islice(new_sessions(int(request.query["seed"])), int(request.query["sessions"]))
        for together in iter(lambda: [*islice(sessions, AT_ONCE)], []):
            async with asyncio.TaskGroup() as holding:
                for session in together:
                    holding.create_task(_hold(app, session))
        return web.json_response(None)

    app.router.add_get(TASKS, tasks)
    app.router.add_post(SAMPLES, begin)
    app.router.add_get(SAMPLES, end)
    app.router.add_post(HELD, hold)
    raise_threshold()
    with opened_doors(settings) as doors:
        run_on_the_servers_loop(serve_app(app, settings, doors))
