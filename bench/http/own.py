"""Our own server."""

import asyncio
import os
from pathlib import Path

from aiohttp import web

from bench.http.sampling import Sampler
from bench.measure import run_on_the_servers_loop
from connector.app import create_app
from connector.cli.running import run
from connector.config.loading import load
from connector.logs import configure_logs
from connector.server import serve_app
from drivers import sqlite_writer

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

    `GET /bench/tasks`: how many tasks there are. `POST /bench/samples`: begin to sample where the time goes; `GET` of it: end, and
    tell.
    """
    settings = load(Path(CONFIG), os.environ)
    configure_logs(settings.logs)
    app, sampler = create_app(settings), Sampler()

    async def tasks(_: web.Request) -> web.Response:
        return web.json_response(len(asyncio.all_tasks()))

    async def begin(_: web.Request) -> web.Response:
        return web.json_response(sampler.begin())

    async def end(_: web.Request) -> web.Response:
        return web.json_response(sampler.end())

    app.router.add_get(TASKS, tasks)
    app.router.add_post(SAMPLES, begin)
    app.router.add_get(SAMPLES, end)
    run_on_the_servers_loop(serve_app(app, settings))
