"""Works that share a commit: more of them where many come, and none waits where few do."""

import asyncio
from collections.abc import Sequence

import pytest

from drivers.group_commit import BATCH, MANY, GroupCommit, Job

PAUSE = 0.2
"""Seconds, of which a work that comes at once takes a small part."""


class Commits:
    """Transactions that do nothing, by the number of works in each."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def commit(self, batch: Sequence[Job[int, int]]) -> None:
        self.sizes.append(len(batch))
        for job in batch:
            job.outcome = job.item


def nothing(_: object, items: Sequence[int]) -> Sequence[int]:
    return items


@pytest.mark.parametrize(("before", "sizes"), [(MANY, [MANY, 2]), (MANY - 1, [MANY - 1, 1, 1])])
async def test_only_after_many_have_shared_a_commit_the_next_one_waits_for_more(before: int, sizes: list[int]) -> None:
    commits = Commits()
    group = GroupCommit("a store", commits.commit, pause=PAUSE)
    await asyncio.gather(*(group.submit_item(nothing, number) for number in range(before)))

    first = group.begin(nothing, 1)
    await asyncio.sleep(PAUSE / 10)
    second = group.begin(nothing, 2)

    assert [await first, await second] == [1, 2]
    assert commits.sizes == sizes
    await group.finish()


async def test_a_commit_that_is_full_waits_for_no_more() -> None:
    commits = Commits()
    group = GroupCommit("a store", commits.commit, pause=PAUSE)
    await asyncio.gather(*(group.submit_item(nothing, number) for number in range(MANY)))
    waiting = [group.begin(nothing, number) for number in range(BATCH)]
    for _ in range(10):
        await asyncio.sleep(0)

    assert commits.sizes == [MANY, BATCH]
    await asyncio.gather(*waiting)
    await group.finish()


async def test_a_store_that_closes_commits_what_waits() -> None:
    commits = Commits()
    group = GroupCommit("a store", commits.commit, pause=PAUSE)
    await asyncio.gather(*(group.submit_item(nothing, number) for number in range(MANY)))
    waiting = group.begin(nothing, 1)

    await group.finish()

    assert await waiting == 1
