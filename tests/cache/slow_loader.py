"""A loader that waits until a test lets it go on."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class SlowLoader(Generic[T]):
    """Counts its calls, says when it was called, and returns `value` once it may."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.calls = 0
        self.called = asyncio.Event()
        self._may_finish = asyncio.Event()
        self._problem: BaseException | None = None

    async def __call__(self) -> T:
        self.calls += 1
        self.called.set()
        await self._may_finish.wait()
        if self._problem is not None:
            raise self._problem
        return self.value

    def finish(self) -> None:
        self._may_finish.set()

    def fail(self, problem: BaseException) -> None:
        self._problem = problem
        self.finish()
