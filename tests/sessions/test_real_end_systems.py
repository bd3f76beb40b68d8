"""Sessions in real end systems, which nobody here wrote: opened, used and ended through the connector alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from tests.endsystems.real_oauth import OidcProvider, oidc_provider
from tests.endsystems.real_roundup import PASSWORD, Roundup, roundup
from tests.ports import free_port
from tests.sessions.served import KEYS, served
from tests.sessions.test_cleanup import SYSTEM

TRACKER_PROFILE = Path(__file__).parents[1] / "endsystems" / "real_roundup_login.toml"


@pytest.fixture(scope="module")
def tracker() -> Iterator[Roundup]:
    with roundup() as server:
        yield server


@pytest.fixture(scope="module")
def oidc(node_packages: None) -> Iterator[OidcProvider]:
    with oidc_provider() as server:
        yield server


def as_settings(**values: str) -> list[dict[str, Any]]:
    return [{"key": key, "value": value, "sensitive": key == "password"} for key, value in values.items()]


async def issues(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/rest/data/user/1") as answer:
        return web.json_response({"status": answer.status})


async def test_a_session_in_an_issue_tracker(tracker: Roundup, session: str, tmp_path: Path) -> None:
    config = f'[end_system]\nprofile = "{TRACKER_PROFILE}"\nbase_url = "{tracker.root}"\n'
    async with served(tmp_path, config, routes=[web.get("/issues", issues)]) as server:
        wrong = as_settings(url=tracker.root, username="admin", password="wrong")
        assert (await server.opshub.initialize(session, wrong, query=SYSTEM)).status == 400
        right = as_settings(url=tracker.root, username="admin", password=PASSWORD)
        opened = await server.opshub.initialize(session, right, query=SYSTEM)
        assert (opened.status, PASSWORD in opened.text) == (200, False)
        assert (await server.opshub.call("/issues", opened.session_headers)).body == {"status": 200}
        ended = await server.opshub.cleanup(session, opened.session_headers, SYSTEM)
        assert (ended.status, ended.body["logout"]["outcome"]) == (200, "verified")
        assert (await server.opshub.call("/issues", opened.session_headers)).status == 401


async def test_a_session_at_an_oauth_server(oidc: OidcProvider, session: str, tmp_path: Path) -> None:
    config = f'''
        [end_system]
        profile = "oauth2-rfc7009"
        base_url = "{oidc.root}/token/revocation"
        allowed_urls = ["{oidc.root}"]
    '''
    async with served(tmp_path, config, environ={**KEYS, **oidc.environment}) as server:
        opened = await server.opshub.initialize(session, as_settings(token_url=f"{oidc.root}/token"), query=SYSTEM)
        assert opened.status == 200, opened.text
        ended = await server.opshub.cleanup(session, opened.session_headers, SYSTEM)

    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "acknowledged")


async def test_an_end_system_that_is_not_there_is_503(session: str, tmp_path: Path) -> None:
    config = f'[end_system]\nprofile = "bugzilla"\nbase_url = "http://127.0.0.1:{free_port()}"\n'
    async with served(tmp_path, config) as server:
        answer = await server.opshub.initialize(session, as_settings(username="u", password="p"), query=SYSTEM)

    assert answer.status == 503
