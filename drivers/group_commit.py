"""Works that share a commit: whoever waits while one transaction is committed is in the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from drivers.cancellation import cancelled_only_if_asked
from drivers.driver_errors import DriverUnavailable
from drivers.shared import another

Item = TypeVar("Item")
Subject = TypeVar("Subject")
T = TypeVar("T")

BATCH = 256
"""Works in one transaction at most."""

Together = Callable[[Subject, Sequence[Item]], Sequence[T]]
"""Does work for neighbouring items of one transaction, and returns an outcome for each."""


def one_by_one(subject: Subject, works: Sequence[Callable[[Subject], T]]) -> list[T]:
    """Do one work after the other, for items that are works with nothing in common."""
    return [work(subject) for work in works]


@dataclass(slots=True, eq=False, repr=False)  # aiosqlite prints what it runs at the level DEBUG, and items hold values
class Job(Generic[Item, T]):
    """An item with what is to be done with it, and who waits for the outcome."""

    do: Together[Any, Item, T]
    item: Item
    done: asyncio.Future[T]
    outcome: T | Exception | None = field(default=None, init=False)

    def settle(self, explained: Callable[[Exception], Exception]) -> None:
        """Give the caller its outcome, unless it has gone."""
        match self.outcome:
            case _ if self.done.done():
                return
            case StopIteration() as problem:  # a future refuses this one
                self.done.set_exception(RuntimeError(f"a work raised {problem!r}"))
            case Exception() as problem:
                self.done.set_exception(explained(problem))
            case _:
                self.done.set_result(cast("T", self.outcome))


def do_together(batch: Sequence[Job[Any, Any]], subject: object) -> None:
    """Do neighbours of one kind together. What was asked for earlier is written earlier, whatever its kind."""
    for do, neighbours in groupby(batch, attrgetter("do")):
        jobs = [*neighbours]
        for job, outcome in zip(jobs, do(subject, [job.item for job in jobs]), strict=True):
            job.outcome = outcome


class GroupCommit:
    """The only task that makes transactions for works, many of them in one."""

    def __init__(
        self,
        name: str,
        commit: Callable[[Sequence[Job[Any, Any]]], Awaitable[object]],
        explained: Callable[[Exception], Exception] = lambda problem: problem,
    ) -> None:
        """`commit` gives each job its outcome, or raises that of all of them. `explained` makes of it what a caller gets."""
        self._name = name
        self._commit = commit
        self._explained = explained
        self._waiting: deque[Job[Any, Any]] = deque()
        self._called = asyncio.Event()
        self._is_closing = False
        self._task = asyncio.create_task(self._write(), name=f"writer of {name}")

    def must_be_open(self) -> None:
        """Raise `DriverUnavailable` once it is closing."""
        if self._is_closing:
            raise DriverUnavailable(f"{self._name}: closed")

    async def submit_item(self, do: Together[Any, Item, T], item: Item) -> T:
        """Run `do` with this item and its neighbours for the same `do`, and return the item's outcome once it is durable.

        Items take effect in the order in which they were submitted. That of a cancelled caller does all the same.
        """
        return await self.begin(do, item)

    def begin(self, do: Together[Any, Item, T], item: Item) -> asyncio.Future[T]:
        """Begin what `submit_item` does, and return the future of its end."""
        self.must_be_open()
        job: Job[Item, T] = Job(do, item, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._called.set()
        return job.done

    def stop(self) -> None:
        """Take no more."""
        self._is_closing = True
        self._called.set()

    async def finish(self) -> None:
        """Take no more, and commit what waits."""
        self.stop()
        await asyncio.wait([self._task])

    async def _write(self) -> None:
        """Commit what waits, and when closing, all of it."""
        while self._waiting or not self._is_closing:
            self._called.clear()
            if not self._waiting:
                await self._called.wait()
                continue
            await asyncio.sleep(0)  # callers that the last commit has woken may write something now: one commit for all
            # A bound, because all of the batch wait for the slowest part of it.
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            await self._do(batch)
            for job in batch:
                job.settle(self._explained)

    async def _do(self, batch: Sequence[Job[Any, Any]]) -> None:
        try:
            with cancelled_only_if_asked:
                await self._commit(batch)
        except Exception as problem:  # noqa: BLE001 - the boundary of a batch: each caller gets to see it
            for job in batch:
                job.outcome = another(problem)
