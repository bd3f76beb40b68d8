"""A token that expires is renewed by the profile's `[[refresh]]`: in time, or after a 401, and once for all who wait."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.errors import LedgerUnavailable
from connector.model.listed import ListedSession, SessionState, Wanted
from connector.model.sessions import Current, Renewal
from connector.sessions import live
from tests.sessions.expiring import Expiring
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM

AT_ONCE = 10
SOON = 0.5
"""Seconds in which a cleanup that waits for nothing is done."""


@pytest.fixture
async def expiring() -> AsyncIterator[Expiring]:
    async with Expiring() as system:
        yield system


async def one(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/thing") as answer:
        return web.json_response(answer.status)


async def held(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/held") as answer:
        return web.json_response(answer.status)


async def several(request: web.Request) -> web.Response:
    async def status() -> int:
        async with session_of(request).http.get("/thing") as answer:
            return answer.status

    async with asyncio.TaskGroup() as calls:
        tasks = [calls.create_task(status()) for _ in range(AT_ONCE)]
    return web.json_response([task.result() for task in tasks])


async def sent(request: web.Request) -> web.Response:
    bodies = {"bytes": b"at once", "file": BytesIO(b"a file"), "pieces": pieces()}
    async with session_of(request).http.post("/thing", data=bodies[request.query["kind"]]) as answer:
        return web.json_response(answer.status)


async def pieces() -> AsyncIterator[bytes]:
    yield b"in pieces"


ROUTES = [web.get("/one", one), web.get("/held", held), web.get("/several", several), web.get("/sent", sent)]


async def opened(server: Served, session: str) -> dict[str, str]:
    answer = await server.opshub.initialize(session, [], query=SYSTEM)
    assert answer.status == 200, answer.text
    return answer.session_headers


async def test_an_expired_token_is_renewed_and_the_cleanup_ends_the_new_login(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        for _ in range(2):
            expiring.expire()
            assert (await server.opshub.call("/one", headers)).body == 200
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        assert (await server.opshub.call("/one", headers)).body == 200
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert (answer.body["logout"]["outcome"], expiring.ended, expiring.refreshes) == ("acknowledged", ["r5.1"], 2)


async def test_all_who_meet_an_expired_token_spend_one_refresh_token(expiring: Expiring, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        answers = await asyncio.gather(*(server.opshub.call("/several", headers) for _ in range(3)))

    assert [answer.body for answer in answers] == [[200] * AT_ONCE] * 3
    assert expiring.refreshes == 1


async def test_a_token_is_renewed_before_it_expires_as_the_end_system_says(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    expiring.expires_in = "0.000001"
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expires_in = 3600
        expiring.expire()
        assert (await server.opshub.call("/one", headers)).body == 200
        assert (await server.opshub.call("/one", headers)).body == 200

    assert (expiring.refreshes, len(expiring.bodies)) == (1, 2)


async def test_a_refresh_token_that_the_answer_does_not_replace_stays(expiring: Expiring, session: str, tmp_path: Path) -> None:
    expiring.rotates = False
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        for _ in range(2):
            expiring.expire()
            assert (await server.opshub.call("/one", headers)).body == 200
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert expiring.ended == ["r1.1"]


async def test_a_login_that_cannot_be_renewed_any_more_is_a_401_of_the_end_system(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        expiring.refresh.clear()
        assert (await server.opshub.call("/one", headers)).body == 401

    assert expiring.refreshes == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_login_that_cannot_be_renewed_for_now_is_a_503_and_stays_open(
    expiring: Expiring, session: str, tmp_path: Path, status: int
) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        expiring.is_away = status
        away = await server.opshub.call("/one", headers)
        expiring.is_away = 0
        assert (await server.opshub.call("/one", headers)).body == 200

    assert (away.status, away.body["errors"]["code"]) == (503, "refresh")


async def test_a_refresh_that_takes_too_long_is_a_503_and_goes_on(expiring: Expiring, session: str, tmp_path: Path) -> None:
    expiring.answering.clear()
    hasty = f"{expiring.section}[end_system.deadlines]\ntotal = 0.2\n"
    async with served(tmp_path, hasty, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        late = await server.opshub.call("/one", headers)
        expiring.answering.set()
        assert (await server.opshub.call("/one", headers)).body == 200

    assert (late.status, late.body["errors"]["code"]) == (503, "timeout")
    assert expiring.refreshes == 1


async def test_a_token_that_expires_soon_is_used_if_it_cannot_be_renewed_for_now(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    expiring.expires_in = "0.000001"
    expiring.is_away = 503
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/one", headers)).body == 200

    assert expiring.refreshes == 1


async def test_a_refresh_token_whose_successor_is_not_recorded_yet_is_not_spent_again(
    expiring: Expiring, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(self: SqliteLedger, renewal: Renewal) -> Current | None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(SqliteLedger, "renew", failing)
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        waiting = asyncio.create_task(server.opshub.call("/held", headers))
        await expiring.holding.wait()
        assert (await server.opshub.call("/one", headers)).status == 503
        expiring.going_on.set()
        assert (await waiting).status == 503

    assert expiring.refreshes == 1


@pytest.mark.parametrize(("kind", "sent_on"), [("bytes", [b"at once"]), ("file", [b"a file"]), ("pieces", [])])
async def test_a_request_is_sent_once_more_if_its_body_is_still_there(
    expiring: Expiring, session: str, tmp_path: Path, kind: str, sent_on: list[bytes]
) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        assert (await server.opshub.call(f"/sent?kind={kind}", headers)).body == (200 if sent_on else 401)

    assert expiring.bodies == sent_on


async def test_a_cleanup_that_comes_during_a_refresh_waits_for_it_and_ends_what_it_makes(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    expiring.answering.clear()
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        call = asyncio.create_task(server.opshub.call("/one", headers))
        await expiring.refreshing.wait()
        cleanup = asyncio.create_task(server.opshub.cleanup(session, headers, SYSTEM))
        assert not (await asyncio.wait([cleanup], timeout=SOON))[0], "the old refresh token is spent, and would end nothing"
        expiring.answering.set()
        assert (await cleanup).body["logout"]["outcome"] == "acknowledged"
        await call

    assert (expiring.ended, expiring.refresh) == (["r3.1"], {})


async def test_a_cleanup_during_a_refresh_that_takes_too_long_sends_nothing_spent(
    expiring: Expiring, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "DEADLINE", SOON)
    expiring.answering.clear()
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        call = asyncio.create_task(server.opshub.call("/one", headers))
        await expiring.refreshing.wait()
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        expiring.answering.set()
        await call
        await expiring.nobody.wait()

    told = answer.body["logout"]
    assert (answer.status, told["outcome"], told["code"], told["attempts"]) == (200, "pending", "being_renewed", 0)
    assert expiring.ended == ["r3.1"]


async def test_an_initialize_during_a_refresh_that_takes_too_long_sends_nothing_spent(
    expiring: Expiring, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tries what is owed again, and makes no login while the earlier one may be alive."""
    monkeypatch.setattr(live, "DEADLINE", SOON)
    expiring.answering.clear()
    async with served(tmp_path, f'{expiring.section}replace = "before"\n', routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        call = asyncio.create_task(server.opshub.call("/one", headers))
        await expiring.refreshing.wait()
        answer = await server.opshub.initialize(session, [], headers, SYSTEM)
        expiring.answering.set()
        await call
        assert answer.status == 503
        await expiring.nobody.wait()

    assert expiring.ended == ["r3.1"]


async def test_a_login_is_not_refreshed_once_its_session_was_cleaned_up(expiring: Expiring, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        waiting = asyncio.create_task(server.opshub.call("/held", headers))
        await expiring.holding.wait()
        await server.opshub.cleanup(session, headers, SYSTEM)
        expiring.going_on.set()
        assert (await waiting).body == 401

    assert (expiring.ended, expiring.refreshes) == (["r1.1"], 0)


async def test_a_refresh_whose_caller_has_given_up_is_recorded_before_the_server_ends(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    async def hasty(request: web.Request) -> web.Response:
        call = asyncio.create_task(one(request))
        await expiring.refreshing.wait()
        call.cancel()
        await asyncio.wait([call])
        return web.json_response("gave up")

    expiring.answering.clear()
    async with served(tmp_path, expiring.section, routes=[web.get("/hasty", hasty)]) as server:
        headers = await opened(server, session)
        expiring.expire()
        assert (await server.opshub.call("/hasty", headers)).body == "gave up"
        expiring.answering.set()
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert (expiring.ended, expiring.refresh) == (["r3.1"], {})


async def test_a_login_whose_refresh_got_no_answer_is_listed_when_its_logout_finds_nothing(
    expiring: Expiring, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, expiring.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        expiring.expire()
        expiring.breaks_off = True
        assert (await server.opshub.call("/one", headers)).status == 503
        assert await unknown(server) == []
        answer = await server.opshub.cleanup(session, headers, SYSTEM)
        assert (answer.status, answer.body["logout"]["outcome"], len(expiring.refresh)) == (200, "already_out", 1)
        [lost] = await unknown(server)
        assert lost.session_id == session
        assert (await server.parts.ledger.statistics()).unknown == 1


async def unknown(server: Served) -> list[ListedSession]:
    """Return the logins of which nobody knows what they are."""
    return await server.parts.ledger.session_listing(Wanted(states=[SessionState.UNKNOWN]))
