"""What the example writes: issues that are created and changed, and files that are attached to them."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from io import BytesIO
from secrets import token_bytes
from uuid import uuid4

import aiohttp
import pytest

from connector import BadRequest, Unauthorized, testing
from connector.testing import Answer, OpsHub, OpsHubSession, ScriptedEndSystem, call_handler, session_without_server
from examples.roundup_connector import app
from tests.examples.test_roundup_connector import names, opened
from tests.examples.tracker import Tracker

end_system = testing.end_system
"""A fixture."""
MORE_THAN_AIOHTTP_TAKES = 2 * 1024 * 1024
ETAG = '"as it is now"'
ISSUE = {"id": "7", "link": "http://tracker.example/issue/7"}


async def created(session: OpsHubSession, title: str) -> str:
    answer = await session.post("/issues", {"title": title})
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


async def attached(session: OpsHubSession, number: str, content: bytes, name: str = "plan.bin") -> Answer:
    headers = {"Content-Type": "application/octet-stream"}
    path = f"/issues/{number}/attachments"
    return await session.call("POST", path, params={"name": name}, data=BytesIO(content), headers=headers)


def files_of(tracker: Tracker, number: str) -> Mapping[str, bytes]:
    """Return the files of an issue as the tracker keeps them, by their names."""
    with closing(sqlite3.connect(tracker.folder / "db" / "db")) as database:
        query = "SELECT f.id, f._name FROM _file f JOIN issue_files l ON l.linkid = f.id WHERE l.nodeid = ?"
        rows = database.execute(query, [number]).fetchall()
    kept = {path.name: path for path in (tracker.folder / "db" / "files" / "file").rglob("file*") if path.is_file()}
    return {name: kept[f"file{number}"].read_bytes() for number, name in rows}


async def test_an_issue_is_created_and_changed_and_the_next_list_has_it(hub: OpsHub, roundup_tracker: Tracker) -> None:
    session, title = await opened(hub, roundup_tracker), f"issue {uuid4()}"
    before = await names(session, "/issues", "title")

    number = await created(session, title)
    listed = await names(session, f"/issues?start={len(before)}", "title")
    changed = await session.put(f"/issues/{number}", {"title": f"{title}, changed"})

    assert (listed, changed.status, changed.body["id"]) == ([title], 200, number)
    assert await names(session, f"/issues?start={len(before)}", "title") == [f"{title}, changed"]
    await session.cleanup()


async def test_a_file_is_attached_to_an_issue_byte_by_byte(hub: OpsHub, roundup_tracker: Tracker) -> None:
    content = token_bytes(MORE_THAN_AIOHTTP_TAKES)
    session = await opened(hub, roundup_tracker)
    number = await created(session, f"issue {uuid4()}")

    answers = [await attached(session, number, content), await attached(session, number, b"\r\n", "short.txt")]
    await session.cleanup()

    assert [answer.status for answer in answers] == [201, 201]
    assert files_of(roundup_tracker, number) == {"plan.bin": content, "short.txt": b"\r\n"}


async def test_an_attachment_that_is_too_large_is_413_and_changes_nothing(hub: OpsHub, roundup_tracker: Tracker) -> None:
    session = await opened(hub, roundup_tracker)
    number = await created(session, f"issue {uuid4()}")

    answer = await attached(session, number, bytes(app.LARGEST + 1))
    await session.cleanup()

    assert (answer.status, answer.body["errors"]["code"]) == (413, "attachment_too_large")
    assert files_of(roundup_tracker, number) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"title": ""}', b'{"title": "x", "state": 1}', b'{"title": "\xff"}'])
async def test_an_issue_that_is_not_as_expected_is_a_400(hub: OpsHub, roundup_tracker: Tracker, body: bytes) -> None:
    session = await opened(hub, roundup_tracker)

    answer = await session.call("POST", "/issues", data=body)
    await session.cleanup()

    assert (answer.status, answer.body["errors"]["code"]) == (400, "bad_request")


async def test_an_issue_that_is_not_there_is_a_404(hub: OpsHub, roundup_tracker: Tracker) -> None:
    session = await opened(hub, roundup_tracker)

    answers = [await session.put("/issues/999999", {"title": "x"}), await attached(session, "999999", b"x")]
    await session.cleanup()

    assert [answer.status for answer in answers] == [404, 404]


async def test_a_change_that_another_one_overtakes_is_refused_by_the_tracker(end_system: ScriptedEndSystem) -> None:
    end_system.answers("GET", "/rest/data/issue/7", json={"data": {**ISSUE, "@etag": ETAG}})
    end_system.answers("PUT", "/rest/data/issue/7", status=412)

    async with session_without_server(end_system.url) as current:
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await call_handler(app.update_issue, current, method="PUT", json={"title": "x"}, match_info={"number": "7"})

    assert refused.value.status == HTTPStatus.PRECONDITION_FAILED
    assert end_system.received[-1].headers["If-Match"] == ETAG


@pytest.mark.parametrize(("probe", "error"), [(403, Unauthorized), (200, BadRequest)])
async def test_a_403_is_a_lost_login_or_a_user_who_may_not_write(
    end_system: ScriptedEndSystem, probe: int, error: type[Exception]
) -> None:
    end_system.answers("POST", "/rest/data/issue", status=403)
    end_system.answers("GET", "/rest/data/status", status=probe)

    async with session_without_server(end_system.url) as current:
        with pytest.raises(error):
            await call_handler(app.create_issue, current, method="POST", json={"title": "x"})
