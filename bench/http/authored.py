"""A connector with calls of its author's, made only of what authors import: so a copy of this file serves any checkout."""

from aiohttp import web

from connector import run, session

CALL, PROJECTS = "/bench/call", "/bench/projects"


async def call(request: web.Request) -> web.Response:
    """Answer which session it is."""
    return web.Response(text=session(request).session_id)


async def projects(request: web.Request) -> web.Response:
    """Answer what the session has cached; what is not is got from the end system, once."""
    its = session(request)

    async def load() -> str:
        async with its.http.get("projects") as answer:
            return await answer.text()

    return web.Response(text=await its.cache.get_or_load("projects", load, kind=str))


ROUTES = (web.get(CALL, call), web.get(PROJECTS, projects))


def serve() -> None:
    """Serve the shipped calls and these."""
    run("config.toml", routes=ROUTES)
