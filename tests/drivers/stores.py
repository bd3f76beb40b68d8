"""Drivers over real servers: each test takes a namespace that no other has."""

from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.testing import MakeDriver
from drivers.testing.subject import opened
from tests.servers import RealServer

_namespaces = count()


def fresh_namespace() -> str:
    return f"test-{next(_namespaces)}"


def aiocache_driver(server: RealServer, backend: str, **settings: Any) -> AiocacheDriver:
    """Return a driver for this server, not yet opened; in a namespace of its own unless the settings name one."""
    table = {"backend": backend, "port": server.port, "namespace": fresh_namespace()} | settings
    return AiocacheDriver("shared", AiocacheSettings.model_validate(table))


def connected(server: RealServer, backend: str, **settings: Any) -> AbstractAsyncContextManager[Any]:
    """Open a driver for this server."""
    return opened(aiocache_driver(server, backend, **settings))


def maker(server: RealServer, backend: str) -> MakeDriver:
    """Return what the contract suite makes its drivers with: a store is a namespace."""
    root = fresh_namespace()
    namespaces: dict[str, str] = {}

    def make(store: str = "one") -> AiocacheDriver:
        namespace = namespaces.setdefault(store, f"{root}.{len(namespaces)}")
        return aiocache_driver(server, backend, namespace=namespace)

    return make
