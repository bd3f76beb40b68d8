"""Names whose servers never answer: the system's look-up of them blocks, for as long as the context."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LOOK_EVERY = 0.01


class Asked(Counter[str]):
    """How often each name is looked up at the same time at most."""

    async def several(self) -> None:
        """Wait until several names are looked up: as many as an event loop has threads for it on a small machine."""
        while True:
            if len(self) >= 5:
                return
            await asyncio.sleep(LOOK_EVERY)


@contextmanager
def silent_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Block whoever looks up a name that ends in `.silent`."""
    ask, over, lock = socket.getaddrinfo, threading.Event(), threading.Lock()
    now, most = Counter[str](), Asked()

    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        if not host.endswith(".silent"):
            return ask(host, *args, **options)
        with lock:
            now[host] += 1
            most[host] = max(most[host], now[host])
        over.wait()
        with lock:
            now[host] -= 1
        raise socket.gaierror(socket.EAI_AGAIN, "no server has answered")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        yield most
    finally:
        over.set()
