"""A connector with routes of its author's, to be described and fuzzed: `python -m tests.openapi.serving CONFIG`."""

import sys

from aiohttp import web

from connector import run, session


async def projects(request: web.Request) -> web.Response:
    """List the projects of a session's system.

    All of them.
    """
    return web.json_response([{"system": session(request).system_id}])


async def entity(request: web.Request) -> web.Response:
    """Show one entity."""
    return web.json_response(dict(request.match_info))


async def create(request: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await request.read())}, status=201)


ROUTES = [
    web.get("/projects", projects),
    web.get(r"/entities/{kind}/{id:\d+}", entity),
    web.post("/entities/{kind}", create),
    web.put("/entities/{kind}", create),
]

if __name__ == "__main__":
    run(sys.argv[1], routes=ROUTES)
