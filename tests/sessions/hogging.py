"""A script: a connector with a handler that leaves its process no descriptor.

`python -m tests.sessions.hogging CONFIG`
"""

import asyncio
import sys

from aiohttp import web

from connector import run
from tests.hog import allow_few_descriptors, take_all_descriptors

HOGS: set[asyncio.Task[None]] = set()


async def keep_hogging() -> None:
    """Take each descriptor that comes free, as connections do that wait to be let in."""
    while True:
        take_all_descriptors()
        await asyncio.sleep(0)


async def hog(request: web.Request) -> web.Response:
    HOGS.add(asyncio.create_task(keep_hogging()))
    return web.json_response(len(take_all_descriptors()))


if __name__ == "__main__":
    allow_few_descriptors()
    sys.exit(run(sys.argv[1], routes=[web.post("/hog", hog)]))
