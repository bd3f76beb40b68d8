"""End systems whose names do not resolve: they are away, and no other one is."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector.model.outcomes import LogoutResult
from tests.drivers.silent_names import silent_names
from tests.drivers.test_names import MANY, WITHIN
from tests.endsystems.opened import LOGOUT, login, opened


async def test_an_end_system_is_logged_out_of_while_many_others_do_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def logout(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.router.add_delete("/logout", logout)
    async with TestServer(application) as server:
        sound = f"http://localhost:{server.port}"
        hosts = [f"http://{number}.silent" for number in range(MANY)]
        async with opened(
            LOGOUT.format(path="logout"), base_url="{credential.X-Url}", allowed_urls=[*hosts, sound]
        ) as end_system:
            with silent_names(monkeypatch) as asked:
                waiting = [asyncio.create_task(end_system.logout(login(Authorization="t", X_Url=host))) for host in hosts]
                async with asyncio.timeout(WITHIN):
                    await asked.several()
                    outcome = await end_system.logout(login(Authorization="t", X_Url=sound))
                assert outcome.result is LogoutResult.ACKNOWLEDGED
                assert not any(task.done() for task in waiting)
            assert {(await task).result for task in waiting} == {LogoutResult.PENDING}
