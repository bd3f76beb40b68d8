"""A deadline that costs nothing where nothing is waited for."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, question: Coroutine[Any, Any, T]) -> T:
    """Return what `question` returns. Raises `TimeoutError` when it takes longer than this.

    It is begun at once, and only if it has to wait is a timer set: to set one takes longer than a look into this
    process's memory, or into SQLite's.
    """
    try:
        first = question.send(None)
    except StopIteration as answered:
        answer: T = answered.value
        return answer
    async with asyncio.timeout(seconds):
        return await _Begun(question, first)


class _Begun(Generator[Any, Any, T]):
    """A coroutine that waits for its `first` future: to be awaited by the very task in which it was begun."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], first: object) -> None:
        self._coroutine = coroutine
        self._first: object | None = first
        self._handed_over = False

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        if self._handed_over:
            return self._coroutine.send(value)
        self._handed_over = True
        return self._first

    def throw(self, *thrown: Any) -> Any:
        return self._coroutine.throw(*thrown)
