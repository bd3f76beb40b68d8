"""What runs in the server's process: the real server with an author's route, perhaps with a failpoint or a planted fault."""

import asyncio
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from connector import Session, Unauthorized, Unavailable, session
from tests.torture.failpoints import Failpoint
from tests.torture.launched import serve_here
from tests.torture.life.calls import TICK
from tests.torture.life.planting import planted

KEY = "value"


async def use(request: web.Request) -> web.Response:
    """Return what the session and its system have cached, loaded from the end system where they have nothing.

    Before that, take as many `seconds` as the client wants, and ask the end system for two values, one after the other, so many
    `times` at once.
    """
    current = session(request)
    await asyncio.sleep(float(request.query.get("seconds", "0")))
    try:
        async with asyncio.TaskGroup() as loading:
            for _ in range(int(request.query.get("times", "0"))):
                loading.create_task(_ask(current))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    own = await current.cache.get_or_load(KEY, partial(_load, current), kind=dict)
    shared = await current.system.cache.get_or_load(KEY, partial(_load, current), kind=dict)
    return web.json_response({"own": own, "shared": shared})


async def _ask(current: Session) -> None:
    for _ in range(2):
        await _load(current)


async def _load(current: Session) -> dict[str, object]:
    try:
        async with current.http.get("/serial") as answer:
            if answer.status == 401:
                raise Unauthorized("The end system does not know this login.", code="login_dead")
            if answer.status != 200:
                raise Unavailable("The end system did not answer.", code="end_system")
            return dict(await answer.json())
    except (aiohttp.ClientError, TimeoutError):
        raise Unavailable("The end system did not answer.", code="end_system") from None


ROUTES = [web.get("/use", use)]


def patient(config: Path) -> Path:
    """Return where the same configuration is, but for its deadlines."""
    return config.with_name("patient.toml")


def live_here(
    config: Path, failpoint: Failpoint | None = None, *, mutant: str | None = None, tick: float = TICK, is_patient: bool = False
) -> None:
    """Serve a configuration until the process is ended; a `patient` server gives the end system time."""
    if mutant is not None:
        planted(mutant)
    serve_here(patient(config) if is_patient else config, failpoint, routes=ROUTES, tick=tick)
