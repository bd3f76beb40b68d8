"""Drivers over real servers: each test takes a namespace that no other has."""

import time
from collections.abc import Callable
from itertools import count
from typing import Any

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.testing import MakeDriver
from tests.fleet.cable import Cable
from tests.servers import RealServer

PATIENT: Any = {"connect_timeout": 60, "operation_timeout": 60}
"""For what holds whatever the machine does besides. If it lets a process wait for two seconds, an answer that is there comes too
late for the default. Deadlines are tested by themselves."""

_namespaces = count()


def fresh_namespace() -> str:
    return f"test-{next(_namespaces)}"


def memory_before(redis: RealServer | Cable) -> str:
    """Return the part of a configuration that keeps what is cached in memory and in this Redis. More of its table may follow."""
    return f"""
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
port = {redis.port}
"""


def aiocache_driver(
    server: RealServer | int, backend: str, *, clock: Callable[[], float] = time.time, **settings: Any
) -> AiocacheDriver:
    """Return a driver for this server or port, not yet opened; in a namespace of its own unless the settings name one."""
    port = server if isinstance(server, int) else server.port
    table = {"backend": backend, "port": port, "namespace": fresh_namespace()} | settings
    return AiocacheDriver("shared", AiocacheSettings.model_validate(table), clock=clock)


def maker(server: RealServer, backend: str) -> MakeDriver:
    """Return what the contract suite makes its drivers with: a store is a namespace."""
    root = fresh_namespace()
    namespaces: dict[str, str] = {}

    def make(store: str = "one") -> AiocacheDriver:
        namespace = namespaces.setdefault(store, f"{root}.{len(namespaces)}")
        return aiocache_driver(server, backend, namespace=namespace, **PATIENT)

    return make
