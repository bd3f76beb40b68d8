"""What the log tells of logouts that were owed: one line when one is done, and one when it comes to wait for a human."""

from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from connector.config.settings import LogsSection
from tests.api.log import Log, logged
from tests.ledger.ledgers import until
from tests.sessions.desk import MARK, Desk, settings
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM


@pytest.mark.parametrize(
    ("later", "event", "level", "outcome"),
    [
        (HTTPStatus.OK, "an owed logout is done", "info", "acknowledged"),
        (HTTPStatus.BAD_REQUEST, "an owed logout is not done and needs attention", "warning", "refused"),
    ],
)
async def test_retries_that_end_leave_one_line_in_the_log(
    desk: Desk, session: str, tmp_path: Path, *, later: HTTPStatus, event: str, level: str, outcome: str
) -> None:
    with logged(LogsSection(format="json")) as log:
        async with served(tmp_path, desk.section) as server:
            headers = (await server.opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            desk.status = HTTPStatus.SERVICE_UNAVAILABLE
            cleanup = await server.opshub.cleanup(session, headers, SYSTEM)
            assert cleanup.body["logout"]["outcome"] == "pending"
            desk.status = later
            await until(partial(is_told, log, event))

    [line] = [line for line in log.lines if line["event"].startswith(event)]
    request = next(line for line in log.lines if line["event"] == "request" and "cleanup" in line["route"])
    assert (line["level"], line["outcome"], line["session"]) == (level, outcome, request["session"])
    assert line["tries"] >= 2
    assert MARK not in log.text


async def is_told(log: Log, event: str) -> bool:
    return event in log.text
