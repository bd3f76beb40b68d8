"""A rehearsal stands before the end system of our own connector: it passes everything on, and every failure is what it is."""

from functools import partial
from pathlib import Path

from aiohttp import ClientSession, web
from multidict import CIMultiDict

from connector.api.session_of_request import session
from connector.rehearsal.checks import Check
from connector.rehearsal.front import Failure, standing_before
from connector.rehearsal.play import rehearse
from connector.rehearsal.report import CheckResult
from connector.rehearsal.script import Call, Pair, Script
from tests.ports import free_port
from tests.rehearsal.faulty_connector import served as serving
from tests.sessions.desk import PASSWORD, PROFILE, USER, Desk
from tests.sessions.served import served

ABOUT_END_SYSTEM = {check for check in Check if check.id.startswith("end-system")}


async def me(request: web.Request) -> web.Response:
    """A handler whose author thinks of no error."""
    async with session(request).http.get("me") as answer:
        return web.json_response(await answer.json())


async def test_our_own_connector_passes_what_is_tried_with_an_end_system_that_fails(tmp_path: Path) -> None:
    port = free_port()
    section = f'[end_system]\nprofile = "{PROFILE}"\nbase_url = "http://127.0.0.1:{port}"\n'
    async with Desk() as desk, served(tmp_path, section, routes=[web.get("/me", me)]) as server:
        settings = [Pair("user", USER), Pair("password", PASSWORD, sensitive=True)]
        script = Script([server.url], settings, calls=[Call("GET", "/me")], end_system=desk.url, end_system_port=port)
        report = await rehearse(script)

    verdicts = {one.check: one.verdict for one in report.findings}
    assert {check: verdicts[check] for check in ABOUT_END_SYSTEM} == dict.fromkeys(ABOUT_END_SYSTEM, CheckResult.PASS)
    assert CheckResult.FAIL not in verdicts.values()
    assert not desk.alive


async def test_without_a_failure_everything_is_passed_on_as_it_is() -> None:
    async def echo(request: web.Request) -> web.Response:
        said = [await request.text(), request.raw_path, request.headers["X-Token"]]
        return web.Response(status=202, text=" ".join(said), headers=CIMultiDict([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", echo)
    port = free_port()
    async with serving(application) as url, standing_before(url, port) as front, ClientSession() as http:
        assert front is not None
        call = partial(http.patch, f"http://127.0.0.1:{port}/a%2Fb?c=d", headers={"X-Token": "t"}, data=b"body")
        async with call() as answer:
            passed = (answer.status, await answer.text(), answer.headers.getall("Set-Cookie"))
        with front.failing(Failure.LIMITED):
            async with call() as answer:
                limited = (answer.status, answer.headers["Retry-After"])

    assert passed == (202, "body /a%2Fb?c=d t", ["a=1", "b=2"])
    assert limited == (429, "7")
    assert front.failed == 1
