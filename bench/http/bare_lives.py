"""A server that makes the requests of a session's life and keeps nothing: aiohttp's server and its client, as they come."""

import tomllib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from bench.http.authored import PROJECTS
from bench.http.lives import DATA
from bench.http.peers import listening_socket
from bench.http.whole_lives import FIRST

HEADER = "Authorization"
HTTP = web.AppKey("http", aiohttp.ClientSession)


def serve() -> None:
    """Serve for ever, without a log; connections to the end system are kept."""
    _serve(kept=True)


def serve_anew() -> None:
    """Do the same, with a connection for each request."""
    _serve(kept=False)


def _serve(*, kept: bool) -> None:
    base_url = tomllib.loads(Path("config.toml").read_text("utf-8"))["end_system"]["base_url"]
    app = web.Application()
    app.cleanup_ctx.append(partial(_client, base_url=base_url, kept=kept))
    app.router.add_post("/initialize/{session}", _initialize)
    app.router.add_get(PROJECTS, _projects)
    app.router.add_post("/cleanup/{session}", _cleanup)
    web.run_app(app, sock=listening_socket(), access_log=None, print=None, loop=uvloop.new_event_loop())


async def _client(app: web.Application, *, base_url: str, kept: bool) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0, force_close=not kept)
    async with aiohttp.ClientSession(base_url, connector=connector) as app[HTTP]:
        yield


async def _initialize(request: web.Request) -> web.Response:
    async with request.app[HTTP].post("/login") as answer:
        token = (await answer.json())["token"]
    return web.json_response([{"key": HEADER, "value": f"Bearer {token}", "sensitive": True}])


async def _projects(request: web.Request) -> web.Response:
    if f"?{request.query_string}" != FIRST:
        return web.Response(text=DATA)
    async with request.app[HTTP].get("/projects", headers={HEADER: request.headers[HEADER]}) as answer:
        return web.Response(text=await answer.text())


async def _cleanup(request: web.Request) -> web.Response:
    async with request.app[HTTP].post("/logout", headers={HEADER: request.headers[HEADER]}) as answer:
        return web.json_response({"logout": {"outcome": "acknowledged" if answer.status == 204 else "failed"}})
