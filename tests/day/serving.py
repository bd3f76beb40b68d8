"""What runs in the server's process: the real server with an author's route, whose minutes of idle time are short ones."""

from pathlib import Path

from aiohttp import web

from connector import session
from tests.soak.observed import tell_vitals_at
from tests.torture.launched import serve_here


async def me(request: web.Request) -> web.Response:
    """Ask the end system who is logged in."""
    async with session(request).http.get("/me") as answer:
        return web.json_response(await answer.json())


def serve_a_day(config: Path, door: Path, minute: float) -> None:
    """Serve a configuration until the process is ended, and tell at a socket how the process is."""
    tell_vitals_at(str(door))
    serve_here(config, routes=[web.get("/me", me)], tick=minute)
