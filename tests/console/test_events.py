"""The events by which a page stays true: they end when somebody leaves the page, which is nobody's mistake."""

import asyncio
from pathlib import Path

from yarl import URL

from connector.config.settings import ConsoleSection, LogsSection
from tests.api.log import logged
from tests.console.visitor import visitor_of
from tests.control.administered import WITHIN, administered


async def test_a_page_that_is_left_before_something_changes_leaves_no_error_in_the_log(tmp_path: Path) -> None:
    with logged(LogsSection(format="json", level="debug")) as log:
        async with administered(tmp_path, ConsoleSection(enabled=True, port=0)) as server, visitor_of(server) as visitor:
            url = URL(f"{visitor.origin}{visitor.base}/events", encoded=True)
            async with visitor.http.get(url) as events:
                assert await events.content.readline() == b"event: state\n"
            await visitor.http.close()
            await server.open(1)
            async with asyncio.timeout(WITHIN):
                while "/s/{place}/events" not in log.text:
                    log.written.clear()
                    await log.written.wait()

    assert "Traceback" not in log.text
    assert '"status": 500' not in log.text
