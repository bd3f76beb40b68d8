"""Java's two clients call a connector, and connections break: at most one login lives, each is ended once, nothing is lost."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import connector, surroundings
from tests.e2e.connector_process import started
from tests.java.breaking import Break, BreakingProxy, breaking_proxy
from tests.java.caller import Caller, JavaAnswer, JavaClient, java
from tests.java.desk import Desk

WITHIN = 30.0
LOOK_EVERY = 0.05
SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
ON_FREE_PORTS = '[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n'
COMMAND = (sys.executable, "-m", "tests.endsystems.real_systems.calls")


@dataclass(frozen=True, slots=True)
class Scene:
    """OpsHub in Java, the proxy before a connector, and the end system behind it."""

    caller: Caller
    client: JavaClient
    proxy: BreakingProxy
    desk: Desk
    folder: Path

    async def initialize(self) -> JavaAnswer:
        """Open the session; the settings are a body."""
        return await self._call("POST", f"/initialize/{SESSION}?systemId=S", {}, [])

    async def use(self, headers: Mapping[str, str]) -> JavaAnswer:
        """Call what needs the session."""
        return await self._call("GET", "/use", headers)

    async def cleanup(self, headers: Mapping[str, str]) -> JavaAnswer:
        """End the session, without a body."""
        return await self._call("POST", f"/cleanup/{SESSION}?systemId=S", headers)

    async def opened(self) -> dict[str, str]:
        """Initialize as OpsHub does: again if nothing that it can use came back."""
        headers = (await self.initialize()).session_headers or (await self.initialize()).session_headers
        assert headers
        return headers

    async def settled(self) -> None:
        """Wait until nothing is owed."""
        async with asyncio.timeout(WITHIN):
            while (await connector("owed", "list", "--json", folder=self.folder)).json:  # noqa: ASYNC110 - another process's
                await asyncio.sleep(LOOK_EVERY)

    async def _call(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> JavaAnswer:
        named = {"Content-Type": "application/json", **headers} if body is not None else headers
        return await self.caller.call(self.client, method, self.proxy.url + path, named, body)


@asynccontextmanager
async def played(client: JavaClient, folder: Path) -> AsyncIterator[Scene]:
    """Start everything."""
    async with Desk() as desk:
        (folder / "config.toml").write_text(desk.section + ON_FREE_PORTS)
        with started(COMMAND, folder, surroundings({"USE": "me"})) as server:
            async with breaking_proxy(server.url) as proxy, java() as caller:
                yield Scene(caller, client, proxy, desk, folder)


CLIENTS = pytest.mark.parametrize("client", JavaClient, ids=lambda client: client.value)
BREAKS = pytest.mark.parametrize("broken", Break, ids=lambda broken: broken.name.lower())


@CLIENTS
async def test_a_session_that_java_opens_uses_and_ends(jdk: None, client: JavaClient, tmp_path: Path) -> None:
    async with played(client, tmp_path) as scene:
        headers = await scene.opened()
        assert (await scene.use(headers)).status == 200
        assert (await scene.cleanup(headers)).status == 200
        assert (scene.desk.alive, [*scene.desk.logouts.values()]) == ([], [1])


async def test_a_post_without_body_and_length_is_what_java_sends(jdk: None, tmp_path: Path) -> None:
    async with played(JavaClient.CONNECTION, tmp_path) as scene:
        headers = await scene.opened()
        assert (await scene.cleanup(headers)).status == 200
        assert b"content-length" not in scene.proxy.requests[-1].lower()


async def test_java_offers_http_2_in_clear_text(jdk: None, tmp_path: Path) -> None:
    async with played(JavaClient.CLIENT, tmp_path) as scene:
        await scene.opened()
        assert b"Upgrade: h2c" in scene.proxy.requests[0]


@pytest.mark.slow
@BREAKS
@CLIENTS
async def test_an_initialize_that_breaks_leaves_one_login(jdk: None, client: JavaClient, broken: Break, tmp_path: Path) -> None:
    async with played(client, tmp_path) as scene:
        scene.proxy.next_break = broken
        headers = await scene.opened()
        await scene.settled()
        assert len(scene.desk.alive) == 1
        assert (await scene.use(headers)).status == 200
        assert (await scene.cleanup(headers)).status == 200
        await scene.settled()
        assert (scene.desk.alive, {*scene.desk.logouts.values()}) == ([], {1})


@pytest.mark.slow
@BREAKS
@CLIENTS
async def test_a_call_that_breaks_leaves_the_session_as_it_is(
    jdk: None, client: JavaClient, broken: Break, tmp_path: Path
) -> None:
    async with played(client, tmp_path) as scene:
        headers = await scene.opened()
        scene.proxy.next_break = broken
        await scene.use(headers)
        assert (await scene.use(headers)).status == 200
        assert (await scene.cleanup(headers)).status == 200
        assert (scene.desk.alive, scene.desk.logouts) == ([], {scene.desk.logins[0]: 1})


@pytest.mark.slow
@BREAKS
@CLIENTS
async def test_a_cleanup_that_breaks_ends_the_login_once(jdk: None, client: JavaClient, broken: Break, tmp_path: Path) -> None:
    async with played(client, tmp_path) as scene:
        headers = await scene.opened()
        scene.proxy.next_break = broken
        await scene.cleanup(headers)
        assert (await scene.cleanup(headers)).status == 200
        await scene.settled()
        assert (scene.desk.alive, scene.desk.logouts) == ([], {scene.desk.logins[0]: 1})


@pytest.mark.parametrize("broken", [Break.AT_ONCE, Break.UNANSWERED], ids=lambda broken: broken.name.lower())
async def test_what_java_sends_twice_is_done_once(jdk: None, broken: Break, tmp_path: Path) -> None:
    async with played(JavaClient.CONNECTION, tmp_path) as scene:
        headers = await scene.opened()
        scene.proxy.next_break = broken
        assert (await scene.cleanup(headers)).status == 200
        first, second = scene.proxy.requests[-2:]
        assert first == second
        assert scene.desk.logouts == {scene.desk.logins[0]: 1}


async def test_java_takes_an_answer_that_breaks_off_in_its_header_for_a_success(jdk: None, tmp_path: Path) -> None:
    async with played(JavaClient.CONNECTION, tmp_path) as scene:
        headers = await scene.opened()
        scene.proxy.next_break = Break.IN_THE_HEADER
        answer = await scene.cleanup(headers)
        assert (answer.status, answer.body) == (200, b"")
        await scene.settled()
        assert scene.desk.alive == []
