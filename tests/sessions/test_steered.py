"""`connector sessions` against the whole application and a real end system: who is in, and out again by hand."""

import asyncio
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from connector.api.session_of_request import session as session_of
from tests.cli.command import connector
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM, opened
from tests.sessions.test_opening_kills import initialize_in_vain, killed

WITHIN = 30.0


async def me(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/me") as answer:
        return web.json_response(await answer.json(), status=answer.status)


ROUTES = [web.get("/me", me)]


async def test_a_session_is_seen_in_use_and_closed_by_hand_as_by_its_own_cleanup(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        for _ in range(3):
            assert (await server.opshub.call("/me", headers)).status == 200
        await server.parts.live.write_notes()
        for _ in range(2):
            await server.parts.ledger.tick()
        listed = await connector("sessions", "list", "--json", folder=tmp_path)
        closed = await connector("sessions", "close", session, "--yes", folder=tmp_path)
        alive = {*desk.alive}
        again = await server.opshub.call("/me", headers)
        duplicate = await server.opshub.cleanup(session, headers, SYSTEM)
        left = await connector("sessions", "list", "--json", folder=tmp_path)

    (row,) = listed.json
    assert (row["session"], row["system"], row["origin"], row["state"]) == (session, "A", desk.url, "open")
    assert (row["calls"], row["idle"]) == (3, 60)  # only a whole minute counts
    assert (closed.exit_code, closed.out) == (0, f"closed: {session}\nlogout: acknowledged\n")
    assert (alive, again.status, duplicate.status, left.json) == (set(), 401, 200, [])
    assert [*desk.logouts.values()] == [1]


async def test_a_close_while_the_end_system_is_away_is_told_and_done_once_it_is_back(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section) as server:
        await opened(server, session)
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        closed = await connector("sessions", "close", session, "--yes", folder=tmp_path)
        (owed,) = (await connector("owed", "list", "--json", folder=tmp_path)).json
        desk.status = HTTPStatus.OK
        async with asyncio.timeout(WITHIN):
            await desk.ended.get()

    assert closed.exit_code == 75
    assert closed.out.splitlines()[1].startswith("logout: pending: ")
    assert (owed["session"], owed["state"]) == (session, "owed")
    assert desk.alive == set()


async def test_a_login_whose_server_was_killed_is_unknown_until_a_person_has_looked_for_it(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    async with asyncio.TaskGroup() as calls, killed(desk, tmp_path) as opshub:
        calls.create_task(initialize_in_vain(opshub, session))
        await desk.logging_in.get()
        under_way = await connector("sessions", "list", "--json", folder=tmp_path)
        closed = await connector("sessions", "close", session, "--yes", folder=tmp_path)
    at_rest = await connector("sessions", "list", "--json", folder=tmp_path)
    desk.answering.set()
    async with served(tmp_path, desk.section):
        status = await connector("status", folder=tmp_path)
        dismissed = await connector("sessions", "dismiss", session, "--yes", folder=tmp_path)
        left = await connector("sessions", "list", "--json", folder=tmp_path)

    assert [[row["state"] for row in listed.json] for listed in (under_way, at_rest, left)] == [["opening"], ["unknown"], []]
    assert (closed.exit_code, dismissed.exit_code) == (1, 0)
    assert {"logins under way\t0", "logins unknown\t1"} <= {*status.out.splitlines()}
    assert len(desk.alive) == 1, "nobody here can end it"
