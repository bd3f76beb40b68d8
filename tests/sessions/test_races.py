"""A session that is opened anew, or cleaned up while it is being opened: no login is lost sight of."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.connector_process import WITHIN
from tests.sessions.desk import Desk, settings
from tests.sessions.records import open_sessions
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, UNKNOWN, opened


async def test_a_second_initialize_replaces_the_login_and_logs_the_old_one_out(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        first = await opened(server, session)
        old = await desk.logging_in.get()
        second = await opened(server, session)
        assert await desk.ended.get() == old
        assert desk.alive == {await desk.logging_in.get()}
        assert (await server.opshub.cleanup(session, second, SYSTEM)).body["logout"]["outcome"] == "acknowledged"
        assert (await server.opshub.cleanup(session, first, SYSTEM)).status == 200

    assert not desk.alive
    assert {*desk.logouts.values()} == {1}


async def test_a_second_initialize_that_is_refused_leaves_the_first_login_as_it_is(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        first = await opened(server, session)
        assert (await server.opshub.initialize(session, settings("wrong"), query=SYSTEM)).status == 400
        assert len(desk.alive) == 1
        assert (await server.opshub.cleanup(session, first, SYSTEM)).body["logout"]["outcome"] == "acknowledged"

    assert not desk.alive


async def test_a_second_initialize_at_another_replica_ends_the_login_of_its_old_seal(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", desk.section) as one, served(tmp_path / "b", desk.section) as other:
        first = await opened(one, session)
        old = await desk.logging_in.get()
        answer = await other.opshub.initialize(session, settings(), first, SYSTEM)
        assert answer.status == 200
        assert await desk.ended.get() == old
        assert desk.alive == {await desk.logging_in.get()}


async def test_a_cleanup_with_an_old_seal_ends_the_session_with_its_new_login_too(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        first = await opened(server, session)
        await opened(server, session)
        await desk.ended.get()
        assert (await server.opshub.cleanup(session, first, SYSTEM)).status == 200
        await desk.ended.get()

    assert not desk.alive
    assert not await open_sessions(tmp_path)


async def test_a_cleanup_that_overtakes_an_initialize_wins_and_its_login_is_ended(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    async with served(tmp_path, desk.section) as server, asyncio.TaskGroup() as calls:
        opening = calls.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        token = await desk.logging_in.get()
        desk_answers = (await server.opshub.cleanup(session, {"Authorization": "Bearer other"}, SYSTEM)).status
        desk.answering.set()
        assert await desk.ended.get() == token
        assert ((await opening).status, opening.result().body["errors"]["code"]) == (409, "session_closed")

    assert desk_answers == 200
    assert not desk.alive
    assert not await open_sessions(tmp_path)


async def test_a_cleanup_by_seal_overtakes_a_second_initialize_and_ends_both_logins(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server, asyncio.TaskGroup() as calls:
        first = await opened(server, session)
        desk.answering.clear()
        opening = calls.create_task(server.opshub.initialize(session, settings(), first, SYSTEM))
        await desk.logging_in.get()
        await desk.logging_in.get()
        assert (await server.opshub.cleanup(session, first, SYSTEM)).status == 200
        desk.answering.set()
        assert (await opening).status == 409
        for _ in range(2):
            await desk.ended.get()

    assert not desk.alive
    assert not await open_sessions(tmp_path)


async def test_without_a_seal_nobody_overtakes_where_seals_are_required(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    async with served(tmp_path, f"{desk.section}[security]\nrequire_seal = true\n") as server, asyncio.TaskGroup() as calls:
        opening = calls.create_task(server.opshub.initialize(session, settings(), query=SYSTEM))
        await desk.logging_in.get()
        assert (await server.opshub.cleanup(session, None, SYSTEM)).body == UNKNOWN
        desk.answering.set()
        assert (await opening).status == 200

    assert len(desk.alive) == 1


async def test_a_login_that_nobody_waits_for_any_more_is_ended_for_nobody_got_its_seal(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    async with served(tmp_path, desk.section) as server:
        token = await initialize_and_disconnect(server, session, desk)
        desk.answering.set()
        assert await desk.ended.get() == token

    assert not await open_sessions(tmp_path)


async def initialize_and_disconnect(server: Served, session: str, desk: Desk) -> str:
    address, body = urlsplit(server.url), json.dumps(settings())
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"POST /initialize/{session} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    token = await desk.logging_in.get()
    writer.close()
    await writer.wait_closed()
    return token


async def test_initializes_and_cleanups_of_one_session_all_at_once_leave_no_login_behind(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        headers = await opened(server, session)

        async def open_again() -> None:
            assert (await server.opshub.initialize(session, settings(), headers, SYSTEM)).status in {200, 409}

        async def close() -> None:
            assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 200

        async with asyncio.TaskGroup() as calls:
            for _ in range(20):
                calls.create_task(open_again())
                calls.create_task(close())
        assert (await server.opshub.cleanup(session, headers, SYSTEM)).status == 200
        while desk.alive:
            await desk.ended.get()

    assert not await open_sessions(tmp_path)
    assert desk.logins == desk.logouts.total()


async def test_a_cleanup_that_was_let_in_before_its_session_was_opened_ends_it(desk: Desk, session: str, tmp_path: Path) -> None:
    """It shows no seal, for there was none when it began; its body ends when there is one."""
    async with served(tmp_path, desk.section) as server, asyncio.timeout(WITHIN):
        address = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = (
            f"POST /cleanup/{session}?systemId=A HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        await reader.readuntil(b"100 Continue\r\n\r\n")
        await opened(server, session)
        token = await desk.logging_in.get()
        writer.write(b"{}")
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
        assert await desk.ended.get() == token
    assert not await open_sessions(tmp_path)
