"""Looking up names: each host for itself, and all who ask for one together."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.aiocached import AiocacheDriver
from drivers.host_names import Names, Question, first_to_answer
from tests.drivers.silent_names import silent_names
from tests.servers import RealServer

ROOT = Path(__file__).parents[2]
MANY = 40
"""More than an event loop has threads for it."""
WITHIN = 30


async def test_names_that_are_never_answered_hold_up_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    with silent_names(monkeypatch) as asked:
        waiting = [asyncio.create_task(names.addresses(Question(f"{number}.silent"))) for number in range(MANY)]
        async with asyncio.timeout(WITHIN):
            await asked.several()
            assert "127.0.0.1" in await names.addresses(Question("localhost", socket.AF_INET))
        assert not any(task.done() for task in waiting)
    for task in waiting:
        with pytest.raises(socket.gaierror):
            await task


async def test_all_who_ask_for_one_name_share_a_look_up_and_have_errors_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names()
    with silent_names(monkeypatch) as asked:
        waiting = [asyncio.create_task(names.addresses(Question("a.silent"))) for _ in range(MANY)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
    errors = [(await asyncio.wait([task]), task.exception())[1] for task in waiting[1:]]
    assert asked == {"a.silent": 1}
    assert {type(error) for error in errors} == {socket.gaierror}
    assert len({id(error) for error in errors}) == MANY - 1


async def test_a_name_is_looked_up_anew_once_it_was_answered() -> None:
    names = Names()
    with pytest.raises(OSError, match="name"):
        await names.addresses(Question("a" * 300))
    with pytest.raises(OSError, match="name"):
        await names.addresses(Question("a" * 300))
    assert await names.addresses(Question("localhost"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_its_own_and_nobody_is_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    assert await Names().addresses(Question(address)) == [address]


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async def connect(address: str) -> str:
        if address != "b":
            raise ConnectionRefusedError(address)
        return address

    assert await first_to_answer(["a", "b", "c"], connect) == "b"
    with pytest.raises(ConnectionRefusedError, match="c"):
        await first_to_answer(["a", "c"], connect)


@pytest.mark.parametrize("backend", ["redis", "memcached"])
async def test_a_store_is_reached_by_its_name_while_others_do_not_resolve(
    backend: str, redis: RealServer, memcached: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = (redis if backend == "redis" else memcached).port

    def driver(host: str, timeout: float = WITHIN) -> AiocacheDriver:
        settings = AiocacheDriver.Settings(backend=backend, host=host, port=port, connect_timeout=timeout)
        return AiocacheDriver(host, settings)

    with silent_names(monkeypatch) as asked:
        silent = [asyncio.create_task(driver(f"{number}.silent").open()) for number in range(MANY)]
        sound = driver("localhost")
        async with asyncio.timeout(WITHIN):
            await asked.several()
            await sound.open()
            await sound.ping()
        await sound.aclose()
        for task in silent:
            task.cancel()
        await asyncio.wait(silent)


def test_a_process_that_ends_waits_for_no_name() -> None:
    text = """
import asyncio, socket, threading
from drivers.host_names import Names, Question
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
async def ask():
    try:
        async with asyncio.timeout(0.1):
            await Names().addresses(Question("a.silent"))
    except TimeoutError:
        print("given up")
asyncio.run(ask())
"""
    ended = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given up\n", "")
