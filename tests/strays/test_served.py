"""A `CancelledError` out of what an author has written, while nobody has asked anything to end: a defect, and answered as one."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.cleanups.hooks import Hooks
from tests.e2e.connector_process import WITHIN
from tests.e2e.opshub import Answer
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.strays.authors import StrayDriver, StrayEndSystem

BROKEN = {"errors": {"code": "internal_error", "message": "The server failed on this request; its log has the reason."}}


def with_driver(method: str) -> str:
    """A configuration of two drivers, in whose first one the method is cancelled."""
    path = f"{StrayDriver.__module__}.{StrayDriver.__name__}"
    sound = f'[storage.sound]\ndriver = "{path}"\n'
    return f'[storage]\ndrivers = ["stray", "sound"]\n[storage.stray]\ndriver = "{path}"\ncancelled = "{method}"\n{sound}'


def with_end_system(method: str) -> str:
    """A configuration of an end system in whose class the method is cancelled."""
    path = f"{StrayEndSystem.__module__}.{StrayEndSystem.__name__}"
    return f'[end_system]\nprofile = "{path}"\n[end_system.settings]\ncancelled = "{method}"\n'


async def cancelled(request: web.Request) -> web.Response:
    raise asyncio.CancelledError


async def loaded(request: web.Request) -> web.Response:
    async def load() -> int:
        raise asyncio.CancelledError

    return web.json_response(await session_of(request).cache.get_or_load("n", load, kind=int))


async def stored(request: web.Request) -> web.Response:
    values = {str(number): number for number in range(20)}
    return web.json_response(await session_of(request).cache.set_many(values))


async def about(request: web.Request) -> web.Response:
    return web.json_response(session_of(request).session_id)


ROUTES = [web.get("/cancelled", cancelled), web.get("/loaded", loaded), web.get("/stored", stored), web.get("/about", about)]


def outcomes(answer: Answer) -> tuple[int, str, dict[str, str]]:
    report = answer.body if answer.status == 200 else answer.body["errors"]["detail"]
    evictions = {name: step["outcome"] for name, step in report["eviction"].items()}
    return answer.status, report["logout"]["outcome"], evictions


async def cleaned_up(server: Served, session: str) -> Answer:
    return await server.opshub.cleanup(session, await opened(server, session), SYSTEM)


async def test_a_driver_that_is_cancelled_in_its_short_cut_evicts_in_the_long_way(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, with_driver("evict_at_once")) as server:
        unsealed = await server.opshub.cleanup(session, query=SYSTEM)
        sealed = await cleaned_up(server, session)

    assert {outcomes(answer)[0] for answer in (unsealed, sealed)} == {200}
    assert outcomes(sealed)[2] == {"stray": "evicted", "sound": "evicted"}


async def test_a_driver_whose_ping_is_cancelled_is_named_as_degraded(tmp_path: Path) -> None:
    async with served(tmp_path, with_driver("ping")) as server:
        answer = await server.opshub.ready()

    assert (answer.status, [*answer.body["degraded"]]) == (200, ["stray"])
    assert answer.body["drivers"] == {"stray": "a defect; the log has its traceback", "sound": "up"}


async def test_a_driver_whose_purge_is_cancelled_is_purged_again(tmp_path: Path) -> None:
    async with served(tmp_path, with_driver("purge")), asyncio.timeout(WITHIN):
        seen = [await StrayDriver.purged.get() for _ in range(3)]

    assert seen.count("stray") > 1


async def test_each_driver_is_closed_although_closing_one_was_cancelled(tmp_path: Path) -> None:
    StrayDriver.closed.clear()
    async with served(tmp_path, with_driver("aclose").replace('"stray", "sound"', '"sound", "stray"')):
        pass

    assert StrayDriver.closed == ["stray", "sound"]


async def test_values_that_a_cancelled_driver_has_not_stored_are_not_said_to_be(session: str, tmp_path: Path) -> None:
    config = with_driver("put_if_current").replace('"stray", "sound"', '"sound", "stray"')
    async with served(tmp_path, config, routes=ROUTES) as server:
        answer = await server.opshub.call("/stored", await opened(server, session))

    assert answer.status == 500


@pytest.mark.parametrize("path", ["/cancelled", "/loaded"])
async def test_a_handler_that_is_cancelled_is_answered_500_on_a_connection_that_stays(
    session: str, tmp_path: Path, path: str
) -> None:
    async with served(tmp_path, routes=ROUTES) as server:
        headers = await opened(server, session)
        answer = await server.opshub.call(path, headers)
        after = await server.opshub.call("/about", headers)

    assert (answer.status, answer.body) == (500, BROKEN)
    assert (after.status, after.body) == (200, session)


@pytest.mark.parametrize("method", ["check_settings", "login"])
async def test_an_end_system_that_is_cancelled_in_a_login_is_answered_500(session: str, tmp_path: Path, method: str) -> None:
    async with served(tmp_path, with_end_system(method)) as server:
        answer = await server.opshub.initialize(session, [])

    assert (answer.status, answer.body) == (500, BROKEN)


async def test_an_end_system_whose_client_is_cancelled_is_answered_500(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, with_end_system("client"), routes=ROUTES) as server:
        answer = await server.opshub.call("/about", await opened(server, session))

    assert (answer.status, answer.body) == (500, BROKEN)


@pytest.mark.parametrize(
    ("method", "status", "logout"),
    [("logout", 500, "failed"), ("origin", 200, "acknowledged"), ("aclose", 200, "acknowledged")],
)
async def test_an_end_system_that_is_cancelled_in_a_cleanup_stops_no_other_step(
    session: str, tmp_path: Path, method: str, status: int, logout: str
) -> None:
    async with served(tmp_path, with_end_system(method)) as server:
        answer = await cleaned_up(server, session)

    assert outcomes(answer) == (status, logout, {"memory": "evicted", "sqlite": "evicted"})


async def test_a_hook_that_is_cancelled_has_failed_and_stops_no_other_step(session: str, tmp_path: Path) -> None:
    hooks = Hooks()

    @hooks.on_session_cleanup
    async def drop(session_id: str, system_id: str | None) -> None:
        raise asyncio.CancelledError

    async with served(tmp_path, hooks=hooks) as server:
        answer = await cleaned_up(server, session)

    assert answer.status == 200
    assert answer.body["hooks"]["drop"]["outcome"] == "failed"
