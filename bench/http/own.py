"""Our own server."""

import asyncio
import itertools
import os
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from bench.http.load import SYSTEM
from bench.http.sampling import Sampler
from bench.measure import run_on_the_servers_loop
from connector.api.parameters import SESSION
from connector.app import PARTS, create_app
from connector.cli.running import run
from connector.config.loading import load
from connector.config.settings import Settings
from connector.logs import configure_logs
from connector.server import serve_app
from drivers import SessionScope, sqlite_writer

CONFIG = "config.toml"
TASKS, SAMPLES = "/bench/tasks", "/bench/samples"


def command() -> None:
    """Do what `connector serve` does."""
    run(CONFIG)


def without_group_commit() -> None:
    """Do the same, but give everything that is written a transaction of its own."""
    sqlite_writer.BATCH = 1
    run(CONFIG)


def observed() -> None:
    """Do the same, and answer what goes on inside.

    `GET /bench/tasks`: how many tasks there are. `POST /bench/samples`: begin to sample where the time goes; `GET` it at the end.
    """
    app, settings = _application()
    _serve_observed(app, settings)


def used() -> None:
    """Do the same as `observed`, and have something cached for each tenth session when its cleanup comes."""
    app, settings = _application()
    numbers, caches = itertools.count(), app[PARTS].served.in_use.caches

    @web.middleware
    async def cached(request: web.Request, handler: Handler) -> web.StreamResponse:
        session = request.match_info.get(SESSION)
        if session and next(numbers) % 10 == 0:
            cache = await caches.of(SessionScope(session, SYSTEM))
            await cache.set("projects", "x" * 1_000)
        return await handler(request)

    app.middlewares.append(cached)
    _serve_observed(app, settings)


def _application() -> tuple[web.Application, Settings]:
    settings = load(Path(CONFIG), os.environ)
    configure_logs(settings.logs)
    return create_app(settings), settings


def _serve_observed(app: web.Application, settings: Settings) -> None:
    sampler = Sampler()

    async def tasks(_: web.Request) -> web.Response:
        return web.json_response(len(asyncio.all_tasks()))

    async def begin(_: web.Request) -> web.Response:
        sampler.begin()
        return web.json_response(None)

    async def end(_: web.Request) -> web.Response:
        return web.json_response(sampler.end())

    app.router.add_get(TASKS, tasks)
    app.router.add_post(SAMPLES, begin)
    app.router.add_get(SAMPLES, end)
    run_on_the_servers_loop(serve_app(app, settings))
