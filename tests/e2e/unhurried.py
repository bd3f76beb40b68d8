"""A script: a connector with a handler that takes its time. `python -m tests.e2e.unhurried CONFIG`."""

import asyncio
import sys

import structlog
from aiohttp import web

from connector import run, session

BEGUN = "the handler has begun"
log = structlog.get_logger(__name__)


async def slow(request: web.Request) -> web.Response:
    """Answer after so many seconds. The log tells when it begins, for a test that has to know."""
    seconds = float(request.query.get("seconds", "0"))
    log.info(BEGUN, seconds=seconds)
    await asyncio.sleep(seconds)
    return web.json_response(session(request).session_id)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], routes=[web.get("/slow", slow)]))
