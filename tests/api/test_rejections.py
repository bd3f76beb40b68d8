"""Counting what the parser turns away."""

import asyncio

from connector.api.rejections import Rejections
from tests.api.log import Log
from tests.api.serving import PATIENCE

FOR_EVER = 3600.0


async def test_any_number_of_rejections_is_one_line_when_the_interval_is_over(log: Log) -> None:
    rejections = Rejections(interval=0.01)
    for kind in ("InvalidHeader", "LineTooLong", "InvalidHeader"):
        rejections.count(kind)
    async with asyncio.timeout(PATIENCE):
        await log.written.wait()
    [line] = log.lines
    assert (line["count"], line["kinds"]) == (3, {"InvalidHeader": 2, "LineTooLong": 1})


async def test_the_next_interval_begins_with_the_next_rejection(log: Log) -> None:
    rejections = Rejections(interval=0.01)
    for number in (1, 2):
        log.written.clear()
        rejections.count("InvalidHeader")
        async with asyncio.timeout(PATIENCE):
            await log.written.wait()
        assert [line["count"] for line in log.lines] == [1] * number


async def test_what_was_counted_is_told_at_the_end_and_only_once(log: Log) -> None:
    rejections = Rejections(FOR_EVER)
    rejections.count("InvalidHeader")
    rejections.tell()
    rejections.tell()
    await asyncio.sleep(0)  # the log is written at the end of a turn
    assert [line["count"] for line in log.lines] == [1]


async def test_nothing_rejected_is_nothing_told(log: Log) -> None:
    Rejections(FOR_EVER).tell()
    await asyncio.sleep(0)
    assert log.lines == []
