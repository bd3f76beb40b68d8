"""The event loop of a server."""

import asyncio
import socket
from collections.abc import Callable, Coroutine

import pytest

from connector.runtime.event_loop import loop_factory


def on_the_servers_loop(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a test on the loop that a server runs on."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work())


def test_a_connection_to_an_ip_address_is_under_way_after_one_turn_of_the_loop() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
            client.setblocking(False)
            connecting = asyncio.create_task(asyncio.get_running_loop().sock_connect(client, listening.getsockname()))
            await asyncio.sleep(0)
            assert client.getpeername() == listening.getsockname()
            await connecting

    on_the_servers_loop(test)


@pytest.mark.parametrize("address", ["127.0.0.1", "2001:db8::1"])
def test_an_ip_address_is_answered_for_without_waiting(address: str) -> None:
    async def test() -> None:
        with pytest.raises(StopIteration) as answered:
            asyncio.get_running_loop().getaddrinfo(address, 80).send(None)
        assert [found[:2] for *_, found in answered.value.value] == [(address, 80)]

    on_the_servers_loop(test)


def test_a_name_is_looked_up_for_streams() -> None:
    async def test() -> None:
        found = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert {kind for _, kind, *_ in found} == {socket.SOCK_STREAM}
        assert {address[0] for *_, address in found} <= {"127.0.0.1", "::1"}

    on_the_servers_loop(test)


def test_a_name_that_nobody_has_is_an_error() -> None:
    async def test() -> None:
        with pytest.raises(socket.gaierror):
            await asyncio.get_running_loop().getaddrinfo("nobody.invalid", 80)

    on_the_servers_loop(test)
