"""Marked credentials, through everything that a session can go through: they show nowhere but sealed."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.e2e.connector_process import WITHIN, connector_process
from tests.e2e.opshub import OpsHub
from tests.processes import command_line
from tests.sessions.desk import MARK, PASSWORD, Desk, settings
from tests.sessions.test_cleanup import SYSTEM

WRONG = f"{MARK}-wrong-password"


async def test_no_secret_is_in_a_file_a_log_an_answer_a_metric_or_the_process_list(desk: Desk, tmp_path: Path) -> None:
    seen: list[Any] = []
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(2 * WITHIN):
            seen += await live_and_end(opshub)
            seen += await be_refused(opshub)
            seen += await owe(opshub, desk)
            seen.append(command_line(server.process.pid))
            assert not found_in_files(tmp_path)
        server.process.terminate()
        await server.exit_code()
        assert not found_in_files(tmp_path)

    text = "".join(map(str, seen))
    assert not [secret for secret in (MARK, PASSWORD) if secret in text]


async def live_and_end(opshub: OpsHub) -> list[Any]:
    """A session that is opened, opened anew, called with a broken seal, and ended twice."""
    session = str(uuid4())
    first = await opshub.initialize(session, settings(), query=SYSTEM)
    second = await opshub.initialize(session, settings(), first.session_headers, SYSTEM)
    broken = await opshub.cleanup(session, {"X-Connector-Session": "x", "Authorization": MARK}, SYSTEM)
    ended = [await opshub.cleanup(session, second.session_headers, SYSTEM) for _ in range(2)]
    assert [answer.status for answer in (first, second, broken, *ended)] == [200, 200, 404, 200, 200]
    return [(answer.text, answer.headers) for answer in (first, second, broken, *ended)]


async def be_refused(opshub: OpsHub) -> list[Any]:
    """Logins that the end system refuses, repeating the password, and settings that are none."""
    session = str(uuid4())
    answers = [
        await opshub.initialize(session, settings(WRONG), query=SYSTEM),
        await opshub.initialize(session, [{"key": "password", "value": MARK}], query=SYSTEM),
        await opshub.send("POST", f"/initialize/{session}", f'[{{"key": "password", "value": "{MARK}"'),
        await opshub.send("POST", f"/initialize/{session}", f'[{{"key": "user", "value": ["{MARK}"]}}]'),
    ]
    assert {answer.status for answer in answers} == {400}
    return [(answer.text, answer.headers) for answer in answers]


async def owe(opshub: OpsHub, desk: Desk) -> list[Any]:
    """Sessions whose end system fails in its own words, which repeat the secret: at login, at logout, and for good."""
    answers = []
    for status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_REQUEST):
        session = str(uuid4())
        opened = await opshub.initialize(session, settings(), query=SYSTEM)
        desk.status = status
        answers += [opened, await opshub.initialize(session, settings(WRONG), opened.session_headers, SYSTEM)]
        answers.append(await opshub.cleanup(session, opened.session_headers, SYSTEM))
        desk.status = HTTPStatus.OK
    return [(answer.text, answer.headers) for answer in answers]


def found_in_files(folder: Path) -> list[Path]:
    """Files that hold a secret, read raw; the configuration holds none."""
    secrets = (MARK.encode(), PASSWORD.encode())
    return [path for path in folder.rglob("*") if path.is_file() and any(secret in path.read_bytes() for secret in secrets)]
