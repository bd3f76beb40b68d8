"""The connector that is drilled, as its author writes it: one call, which reads with the session's login what USE names."""

import os

from aiohttp import web

from connector import run, session


async def use(request: web.Request) -> web.Response:
    """Return what the system answered."""
    async with session(request).http.get(os.environ["USE"], allow_redirects=False) as found:
        return web.json_response({"status": found.status, "text": await found.text(errors="replace")})


if __name__ == "__main__":
    run("config.toml", routes=[web.get("/use", use)])
