"""Two servers, each a process of its own as it is started, with one ledger in PostgreSQL and one Redis."""

import asyncio
import shutil
from http import HTTPStatus

from tests.e2e.connector_process import WITHIN
from tests.e2e.sharing_servers import Fleet, cleaned_up, opened
from tests.postgres import PASSWORD
from tests.sessions.desk import Desk


async def test_a_session_of_a_server_that_was_lost_with_its_disk_is_ended_elsewhere(
    fleet: Fleet, desk: Desk, session: str
) -> None:
    """Nobody shows its seal, so that the ledger alone has what ends it."""
    with fleet.server("one") as one, fleet.server("other") as other:
        await opened(one, session)
        lost = await desk.logging_in.get()
        one.process.kill()
        one.process.wait(WITHIN)
        shutil.rmtree(fleet.folder / "one")

        headers = (await opened(other, session)).session_headers
        assert await asyncio.wait_for(desk.ended.get(), WITHIN) == lost
        answer = await cleaned_up(other, session, headers)

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert desk.alive == set()


async def test_what_a_killed_server_owed_is_ended_by_another_one(fleet: Fleet, desk: Desk, session: str) -> None:
    with fleet.server("one") as one, fleet.server("other"):
        headers = (await opened(one, session)).session_headers
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        answer = await cleaned_up(one, session, headers)
        one.process.kill()
        one.process.wait(WITHIN)
        desk.status = HTTPStatus.OK

        await desk.ended.get()

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "pending")
    assert desk.alive == set()


async def test_a_login_under_way_at_a_server_that_was_killed_is_unknown_everywhere(
    fleet: Fleet, desk: Desk, session: str
) -> None:
    with fleet.server("one") as one, fleet.server("other") as other:
        desk.answering.clear()
        asking = asyncio.create_task(opened(one, session))
        await desk.logging_in.get()
        one.process.kill()
        await asyncio.wait([asking])

        while not (await fleet.command("status", "--json", of="other")).json["ledger"]["unknown"]:
            assert other.process.poll() is None


async def test_a_server_that_is_down_shows_what_all_of_them_know(fleet: Fleet, session: str) -> None:
    with fleet.server("one"), fleet.server("other") as other:
        pass
    with fleet.server("third") as third:
        await opened(third, session)
        live = await fleet.command("sessions", "list", "--json", of="third")
        down = await fleet.command("sessions", "list", "--json", of="one")
        status = await fleet.command("status", of="one")

    assert [row["session"] for row in down.json] == [row["session"] for row in live.json] == [session]
    assert "reading the ledger that it shares with others, 127.0.0.1:" in down.err
    assert (status.exit_code, "open sessions\t1" in status.out.splitlines()) == (69, True)
    assert PASSWORD not in status.out + status.err + down.err + other.log.read_text()
