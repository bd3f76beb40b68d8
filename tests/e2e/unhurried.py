"""A script: a connector with a handler that takes its time. `python -m tests.e2e.unhurried CONFIG`."""

import asyncio
import sys

from aiohttp import web

from connector import run, session


async def slow(request: web.Request) -> web.Response:
    """Answer after so many seconds."""
    await asyncio.sleep(float(request.query.get("seconds", "0")))
    return web.json_response(session(request).session_id)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], routes=[web.get("/slow", slow)]))
