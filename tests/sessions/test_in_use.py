"""An author's own routes: each call finds its session, or is answered 401."""

from io import BytesIO
from pathlib import Path

from aiohttp import ClientSession, web

from connector.api.http_errors import NotFound, RateLimited
from connector.api.session_of_request import session as session_of
from connector.cache import cached
from connector.sessions.session import Session
from tests.ledger.ledgers import SetClock
from tests.sessions.desk import Desk
from tests.sessions.records import used_at
from tests.sessions.served import OTHER_KEYS, served
from tests.sessions.test_cleanup import GLOBAL, SYSTEM, opened

DEAD = {"errors": {"code": "unknown_session", "message": "The session is not open."}}


@cached()
async def visits(owner: Session) -> int:
    return next(COUNTER)


COUNTER = iter(range(1_000_000))


async def about(request: web.Request) -> web.Response:
    found = session_of(request)
    return web.json_response({"session": found.session_id, "system": found.system_id})


async def me(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/me") as answer:
        return web.json_response(await answer.json(), status=answer.status)


async def cached_values(request: web.Request) -> web.Response:
    found = session_of(request)

    async def load() -> int:
        return next(COUNTER)

    shared = await found.system.cache.get_or_load("visits", load, kind=int)
    return web.json_response({"session": await visits(found), "system": shared})


async def limited(request: web.Request) -> web.Response:
    raise RateLimited("slowly", code="E-42")


async def missing(request: web.Request) -> web.Response:
    raise NotFound("no such project", detail={"project": 7})


async def read_all(request: web.Request) -> web.Response:
    return web.json_response(len(await request.read()))


ROUTES = [
    web.post("/read", read_all),
    web.get("/about", about, name="about"),
    web.get("/me", me),
    web.get("/cached", cached_values),
    web.get("/limited", limited),
    web.get("/missing", missing),
]


async def test_a_call_finds_its_session_under_every_base_path(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        answers = [await server.opshub.call(f"{base}/about", headers) for base in ("", "/sdk-api/api/1.0", "/mbse/api/1.0")]

    assert [(answer.status, answer.body) for answer in answers] == [(200, {"session": session, "system": "A"})] * 3


async def test_a_handler_calls_the_end_system_with_the_sessions_login(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        answer = await server.opshub.call("/me", await opened(server, session))

    assert (answer.status, answer.body) == (200, {"user": "opshub"})


async def test_a_call_without_a_seal_with_a_forged_one_or_of_a_closed_session_is_401(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        answers = [
            await server.opshub.call("/about"),
            await server.opshub.call("/about", {"X-Connector-Session": f"{headers['X-Connector-Session']}x"}),
        ]
        await server.opshub.cleanup(session, headers, SYSTEM)
        answers.append(await server.opshub.call("/about", headers))
        as_list = await server.opshub.call("/mbse/api/1.0/about")
    async with served(tmp_path, desk.section, routes=ROUTES) as restarted:
        answers.append(await restarted.opshub.call("/about", headers))

    assert [(answer.status, answer.body) for answer in answers] == [(401, DEAD)] * 4
    assert (as_list.status, as_list.body) == (401, {"errors": [DEAD["errors"]]})


async def test_a_body_that_is_too_large_for_a_handler_is_413(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        async with ClientSession(headers=headers) as http, http.post(f"{server.url}/read", data=BytesIO(b"x" * 2**21)) as answer:
            error = (await answer.json())["errors"]

    assert (answer.status, error["code"]) == (413, "body_too_large")


async def test_a_login_that_was_replaced_is_401_and_the_new_one_is_not(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        old = await opened(server, session)
        new = await opened(server, session)
        statuses = [(await server.opshub.call("/about", headers)).status for headers in (old, new)]

    assert statuses == [401, 200]


async def test_a_session_of_another_replica_is_alive_until_it_is_cleaned_up_here(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", desk.section) as one, served(tmp_path / "b", desk.section, routes=ROUTES) as replica:
        headers = await opened(one, session)
        statuses = [(await replica.opshub.call("/about", headers)).status for _ in range(2)]
        await replica.opshub.cleanup(session, headers, SYSTEM)
        statuses.append((await replica.opshub.call("/about", headers)).status)
    async with served(tmp_path / "b", desk.section, routes=ROUTES) as restarted:
        statuses.append((await restarted.opshub.call("/about", headers)).status)

    assert statuses == [200, 200, 401, 401]


async def test_a_token_that_was_handed_out_twice_is_ended_twice_by_two_processes(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.only_token = "the-only-one"
    outcomes, calls = [], []
    async with served(tmp_path / "a", desk.section) as one, served(tmp_path / "b", desk.section, routes=ROUTES) as replica:
        for _ in range(2):
            headers = await opened(one, session)
            calls.append((await replica.opshub.call("/about", headers)).status)
            outcomes += [(await replica.opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] for _ in range(2)]

    assert calls == [200, 200]
    assert outcomes == ["acknowledged"] * 4
    assert desk.logouts == {"the-only-one": 2}
    assert not desk.alive


async def test_a_session_of_other_keys_is_401(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path / "a", desk.section) as one:
        headers = await opened(one, session)
    async with served(tmp_path / "b", desk.section, environ=OTHER_KEYS, routes=ROUTES) as stranger:
        assert (await stranger.opshub.call("/about", headers)).status == 401


async def test_what_a_session_and_its_system_cache_lives_until_their_cleanup(desk: Desk, tmp_path: Path) -> None:
    async def seen(headers: dict[str, str]) -> tuple[int, int]:
        body = (await server.opshub.call("/cached", headers)).body
        return body["session"], body["system"]

    first, second = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        one, other = await opened(server, first), await opened(server, second)
        before, others = await seen(one), await seen(other)
        assert await seen(one) == before
        assert before[1] == others[1]
        await server.opshub.cleanup(first, one, GLOBAL)
        after = await seen(other)

    assert after[0] != others[0]
    assert after[1] != others[1]


async def test_the_errors_of_the_sdk_are_raised_by_name(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        limited, missing = await server.opshub.call("/limited", headers), await server.opshub.call("/missing", headers)

    assert (limited.status, limited.body["errors"]) == (403, {"code": "E-42", "message": "slowly"})
    assert (missing.status, missing.body["errors"]["detail"]) == (404, {"project": 7})


async def test_without_a_login_there_is_no_client_and_that_is_a_defect_of_the_handler(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, routes=ROUTES) as server:
        headers = await opened(server, session)
        assert (await server.opshub.call("/about", headers)).status == 200
        assert (await server.opshub.call("/me", headers)).status == 500


async def test_from_an_opshub_that_names_no_system_the_shared_cache_is_the_sessions_own(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session, system=None)
        assert (await server.opshub.call("/about", headers)).body == {"session": session, "system": None}
        assert (await server.opshub.call("/cached", headers)).status == 200


async def test_the_use_of_a_session_is_written_down_when_the_server_ends(desk: Desk, session: str, tmp_path: Path) -> None:
    clock = SetClock()
    async with served(tmp_path, desk.section, routes=ROUTES, clock=clock) as server:
        headers = await opened(server, session)
        clock.now += 100
        await server.opshub.call("/about", headers)

    assert await used_at(tmp_path) == {session: clock.now}
