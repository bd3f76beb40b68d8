"""A script: a connector of whichever checkout is on the path, that tells over a socket of its own how it is.

`python observed.py CONFIG SOCKET`
"""

import asyncio
import gc
import json
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType

from aiohttp import web

from connector import NotFound, run, session

KINDS: dict[str, type | tuple[type, ...]] = {
    "requests": web.BaseRequest,
    "connections": asyncio.Protocol,
    "errors": BaseException,
    "frames": (FrameType, TracebackType),
    "futures": asyncio.Future,
}
"""What each request brings along, and takes with it when it has gone."""


async def about(request: web.Request) -> web.Response:
    return web.json_response({"session": session(request).session_id})


async def cached(request: web.Request) -> web.Response:
    async def load() -> str:
        return "loaded"

    found = session(request)
    values = [await cache.get_or_load("key", load, kind=str) for cache in (found.cache, found.system.cache)]
    return web.json_response(values)


async def missing(request: web.Request) -> web.Response:
    async def load() -> str:
        await asyncio.sleep(0)
        raise NotFound("There is no such project.")

    return web.json_response(await session(request).system.cache.get_or_load("missing", load, kind=str))


async def broken(request: web.Request) -> web.Response:
    raise ZeroDivisionError


def vitals() -> dict[str, int]:
    """Count what there is, once all garbage is gone."""
    gc.collect()
    objects = gc.get_objects()
    loop = next(each for each in objects if isinstance(each, asyncio.AbstractEventLoop) and each.is_running())
    return {
        "objects": len(objects),
        "blocks": sys.getallocatedblocks(),
        **{name: sum(isinstance(each, kind) for each in objects) for name, kind in KINDS.items()},
        "tasks": len(asyncio.all_tasks(loop)),
        "files": len([*Path("/proc/self/fd").iterdir()]),
    }


def answer(door: socket.socket) -> None:
    """Tell the vitals to whoever connects."""
    while True:
        connection, _ = door.accept()
        with connection:
            connection.sendall(json.dumps(vitals()).encode())


def tell_vitals_at(path: str) -> None:
    """Tell them from now on to whoever connects to a socket there; one that a killed server has left is replaced."""
    Path(path).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    threading.Thread(target=partial(answer, server), daemon=True).start()


if __name__ == "__main__":
    config, path = sys.argv[1:]
    tell_vitals_at(path)
    handlers = [web.get(f"/{handler.__name__}", handler) for handler in (about, cached, missing, broken)]
    sys.exit(run(config, routes=handlers))
