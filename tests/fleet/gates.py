"""Steps of a replica that a test holds up, counts, or has fail: the real ones, with something before or after them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import Any

from connector.ledger.port import Ledger
from connector.model.errors import LedgerUnavailable

PATIENCE = 60.0
"""Seconds until a test gives up what never happens, on a busy machine."""


class Gate:
    """Where somebody has come to, and may not go on before he is let."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    async def met(self) -> None:
        """Wait until somebody has come here."""
        async with asyncio.timeout(PATIENCE):
            await self.reached.wait()

    def open(self) -> None:
        """Let whoever waits here go on."""
        self._open.set()

    async def pass_through(self) -> None:
        self.reached.set()
        await self._open.wait()


@contextmanager
def gate_after(owner: object, operation: str) -> Iterator[Gate]:
    """Hold up the next call of an operation once it has taken effect: its answer is late."""
    gate, real = Gate(), getattr(owner, operation)

    async def late(*arguments: Any, **named: Any) -> Any:
        setattr(owner, operation, real)
        answer = await real(*arguments, **named)
        await gate.pass_through()
        return answer

    yield from _in_place(owner, operation, late, gate)


@contextmanager
def gate_before(owner: object, operation: str) -> Iterator[Gate]:
    """Hold up the next call of an operation before it takes effect."""
    gate, real = Gate(), getattr(owner, operation)

    async def held(*arguments: Any, **named: Any) -> Any:
        setattr(owner, operation, real)
        await gate.pass_through()
        return await real(*arguments, **named)

    yield from _in_place(owner, operation, held, gate)


@contextmanager
def counted(owner: object, operation: str) -> Iterator[list[tuple[Any, ...]]]:
    """Give what every call of an operation was asked."""
    asked: list[tuple[Any, ...]] = []
    real = getattr(owner, operation)

    async def counting(*arguments: Any, **named: Any) -> Any:
        asked.append(arguments)
        return await real(*arguments, **named)

    yield from _in_place(owner, operation, counting, asked)


@contextmanager
def in_place_of(owner: object, operation: str, other: Callable[..., Awaitable[Any]]) -> Iterator[None]:
    """Have another coroutine stand in for an operation as long as the context is."""
    yield from _in_place(owner, operation, other, None)


@contextmanager
def answers_lost(owner: object, operation: str) -> Iterator[None]:
    """Have an operation take effect and seem to have failed, as long as the context is."""
    real = getattr(owner, operation)

    async def lost(*arguments: Any, **named: Any) -> Any:
        await real(*arguments, **named)
        raise LedgerUnavailable("as the test wants it")

    yield from _in_place(owner, operation, lost, None)


@contextmanager
def away(ledger: Ledger) -> Iterator[None]:
    """Have a ledger be away for its owner as long as the context is."""

    async def failing(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("as the test wants it")

    names = [name for name in dir(ledger) if not name.startswith("_") and iscoroutinefunction(getattr(ledger, name))]
    real = {name: getattr(ledger, name) for name in names}
    for name in names:
        setattr(ledger, name, failing)
    try:
        yield
    finally:
        for name, operation in real.items():
            setattr(ledger, name, operation)


def _in_place(owner: object, operation: str, other: Callable[..., Awaitable[Any]], given: Any) -> Iterator[Any]:
    real = getattr(owner, operation)
    setattr(owner, operation, other)
    try:
        yield given
    finally:
        setattr(owner, operation, real)
