"""A script: a connector with a handler whose second request shows that it was handed the answer to its first.

`python -m tests.sessions.turnstile_connector CONFIG`
"""

import sys

from aiohttp import web

from connector import run, session


async def renewed_then_plain(request: web.Request) -> web.Response:
    for path in ("next", "plain"):
        async with session(request).http.get(path) as answer:
            await answer.read()
    return web.json_response({})


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], routes=[web.get("/renewed-then-plain", renewed_then_plain)]))
