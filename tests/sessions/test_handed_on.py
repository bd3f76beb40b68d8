"""What a handler knows of its session's system: the settings that are no secret, and where the end system is."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from connector.sessions.seal import HEADER
from tests.sessions.desk import PASSWORD, PROFILE, Desk
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened

PROJECT = '[settings.project]\n[settings.kind]\ndefault = "issue"\n'
OWN = f'[end_system]\nprofile = "{__name__}.Handing"\n'


class Handing(EndSystem):
    """Hands on one setting of those that it is given."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([("X-Token", "one")]))

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)

    def settings_for_handlers(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        return {"user": settings["user"]}


async def settings_of(request: web.Request) -> web.Response:
    return web.json_response({**session_of(request).settings})


async def link(request: web.Request) -> web.Response:
    return web.json_response(str(session_of(request).base_url / "issues" / "7"))


async def about(request: web.Request) -> web.Response:
    return web.json_response(session_of(request).session_id)


ROUTES = [web.get("/settings", settings_of), web.get("/link", link), web.get("/about", about)]


def at(desk: Desk, folder: Path, path: str = "") -> str:
    """Return the section of a desk whose profile has a project besides."""
    folder.mkdir(exist_ok=True)
    profile = folder / "desk.toml"
    profile.write_text(PROFILE.read_text("utf-8") + PROJECT, "utf-8")
    return f'[end_system]\nprofile = "{profile}"\nbase_url = "{desk.url}{path}"\n'


def given(**more: str) -> list[dict[str, object]]:
    values = {"user": "opshub", "password": PASSWORD, "suppressNotification": "1", **more}
    return [{"key": name, "value": value, "sensitive": True} for name, value in values.items()]


async def initialized(server: Served, session: str, **more: str) -> Mapping[str, str]:
    answer = await server.opshub.initialize(session, given(**more), query=SYSTEM)
    assert answer.status == 200, answer.text
    return answer.session_headers


async def bodies(server: Served, headers: Mapping[str, str], paths: Iterable[str]) -> list[object]:
    return [(await server.opshub.call(path, dict(headers))).body for path in paths]


async def test_a_handler_finds_declared_settings_with_defaults_and_no_secret(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, at(desk, tmp_path), routes=ROUTES) as server:
        headers = await initialized(server, session, project="Apollo")
        found = await bodies(server, headers, ["/settings"])

    assert found == [{"user": "opshub", "project": "Apollo", "kind": "issue"}]


async def test_settings_travel_in_the_seal_to_another_replica_and_across_a_restart(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", at(desk, tmp_path), routes=ROUTES) as server:
        headers = await initialized(server, session, project="Apollo")
    async with served(tmp_path / "a", at(desk, tmp_path), routes=ROUTES) as restarted:
        found = await bodies(restarted, headers, ["/settings"])
        async with served(tmp_path / "b", at(desk, tmp_path), routes=ROUTES) as replica:
            found += await bodies(replica, headers, ["/settings"])

    assert found == [{"user": "opshub", "project": "Apollo", "kind": "issue"}] * 2


async def test_a_session_of_an_older_seal_is_401_only_where_its_settings_are_read(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, at(desk, tmp_path)) as server:  # without routes, it hands on nothing
        headers = await opened(server, session)
    async with served(tmp_path, at(desk, tmp_path), routes=ROUTES) as server:
        statuses = [(await server.opshub.call(path, headers)).status for path in ("/about", "/settings", "/about")]
        statuses.append((await server.opshub.call("/settings", await opened(server, session))).status)

    assert statuses == [200, 401, 200, 200]


async def test_a_server_without_routes_makes_seals_that_are_no_longer_than_before(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    lengths = []
    for routes in ([], ROUTES):
        async with served(tmp_path, at(desk, tmp_path), routes=routes) as server:
            lengths += [len((await initialized(server, session, project=text))[HEADER]) for text in ("x", "x" * 100)]

    assert lengths[1] == lengths[0] < lengths[2] < lengths[3]


async def test_a_class_of_ones_own_hands_on_what_it_names(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, OWN, routes=ROUTES) as server:
        found = await bodies(server, await initialized(server, session), ["/settings"])

    assert found == [{"user": "opshub"}]


async def test_a_link_begins_where_the_clients_paths_begin(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path / "a", at(desk, tmp_path), routes=ROUTES) as server:
        found = await bodies(server, await opened(server, session), ["/link"])

    assert found == [f"{desk.url}/issues/7"]


async def test_a_class_without_a_client_has_no_base_url(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, OWN, routes=ROUTES) as server:
        answer = await server.opshub.call("/link", dict(await initialized(server, session)))

    assert answer.status == 500
