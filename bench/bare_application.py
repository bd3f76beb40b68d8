"""An aiohttp application that only answers: `python -m bench.bare_application PORT`."""

import sys

import uvloop
from aiohttp import web


async def _answer(_: web.Request) -> web.Response:
    return web.json_response({"status": "ready"})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/health/ready", _answer)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, loop=uvloop.new_event_loop())
