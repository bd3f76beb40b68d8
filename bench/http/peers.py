"""Servers that do the least to answer a cleanup: they parse id and query, and answer JSON."""

import logging
import socket
from typing import Annotated
from uuid import UUID

import uvicorn
import uvloop
from aiohttp import web
from fastapi import FastAPI, Query

from bench.http.talks import HOST
from bench.measure import run_on_the_servers_loop


def bare_aiohttp() -> None:
    """Serve with aiohttp on uvloop, for ever, without a log."""
    app = web.Application()
    app.router.add_post("/cleanup/{session}", _handle)
    listening = listening_socket()
    web.run_app(app, sock=listening, access_log=None, print=None, loop=uvloop.new_event_loop())


async def _handle(request: web.Request) -> web.Response:
    session, query = UUID(request.match_info["session"]), request.query
    return web.json_response(
        {
            "sdkSessionId": str(session),
            "systemId": query.get("systemId"),
            "cleanupGlobalCache": query.get("cleanupGlobalCache") == "true",
        }
    )


def fastapi() -> None:
    """Serve with FastAPI on uvicorn and uvloop, for ever, without a log."""
    app = FastAPI()

    @app.post("/cleanup/{session}")
    async def cleanup(
        session: UUID,
        system: Annotated[str | None, Query(alias="systemId")] = None,
        global_cache: Annotated[bool, Query(alias="cleanupGlobalCache")] = False,  # noqa: FBT002 - as FastAPI wants it
    ) -> dict[str, object]:
        return {"sdkSessionId": str(session), "systemId": system, "cleanupGlobalCache": global_cache}

    server = uvicorn.Server(uvicorn.Config(app, log_level=logging.CRITICAL, access_log=False))
    run_on_the_servers_loop(server.serve(sockets=[listening_socket()]))


def listening_socket() -> socket.socket:
    """Listen on a free port, and say on which, as our own server does in its log."""
    listening = socket.create_server((HOST, 0), backlog=1024)
    print(f"serving host={HOST} port={listening.getsockname()[1]}", flush=True)  # noqa: T201 - its parent process reads that
    return listening
