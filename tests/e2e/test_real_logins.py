"""A profile logs in to real end systems: the login works, an author's own requests carry it, and the logout ends it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems import real_roundup
from tests.endsystems.real_login import Login, RealEndSystem
from tests.endsystems.real_oauth import DjangoOAuthToolkit, OidcProvider
from tests.endsystems.real_roundup import PASSWORD, Roundup

ROUNDUP = Path(real_roundup.__file__).with_name("real_roundup_login.toml")


@asynccontextmanager
async def opened(configured: settings.EndSystemSection, environ: Mapping[str, str]) -> AsyncIterator[EndSystem]:
    """An end system as configured."""
    end_system = build_end_system(configured, environ)
    await end_system.open()
    try:
        yield end_system
    finally:
        await end_system.aclose()


def oauth(server: RealEndSystem) -> AbstractAsyncContextManager[EndSystem]:
    """The bundled profile for OAuth 2.0, for a server."""
    base_url = server.root + server.logout_path
    configured = settings.EndSystemSection(profile="oauth2-rfc7009", base_url=base_url, allowed_urls=[server.root])
    return opened(configured, server.environment)


def roundup(tracker: Roundup) -> AbstractAsyncContextManager[EndSystem]:
    """A profile for the tracker whose address is a setting."""
    return opened(settings.EndSystemSection(profile=str(ROUNDUP), base_url="{setting.url}", allowed_urls=[tracker.root]), {})


def of(outcome: LoginOutcome, session: str) -> SessionLogin:
    assert outcome.result is LoginResult.LOGGED_IN, outcome
    return SessionLogin(session, None, outcome.credential)


async def test_client_credentials_make_a_token_that_works_until_the_logout(django_site: DjangoOAuthToolkit, session: str) -> None:
    async with oauth(django_site) as end_system:
        given = {"token_url": f"{django_site.root}/o/token/", "suppressNotification": "1"}
        assert end_system.check_settings(given) == []
        ours, another = [of(await end_system.login(session, given), session) for _ in range(2)]
        login, other = [Login(each.credential, f"{django_site.root}/whoami") for each in (ours, another)]
        assert await login.works()
        async with end_system.client(ours) as http, http.get(f"{django_site.root}/whoami") as answer:
            assert answer.status == 200
        assert (await end_system.logout(ours)).result is LogoutResult.ACKNOWLEDGED
        assert not await login.works()
        assert await other.works()


async def test_client_credentials_make_a_token_that_openid_knows_until_the_logout(oidc: OidcProvider, session: str) -> None:
    async with oauth(oidc) as end_system:
        login = of(await end_system.login(session, {"token_url": f"{oidc.root}/token"}), session)
        token = login.credential["Authorization"].removeprefix("Bearer ")
        assert await oidc.is_active(token)
        assert (await end_system.logout(login)).result is LogoutResult.ACKNOWLEDGED
        assert not await oidc.is_active(token)


async def test_a_client_that_a_real_server_does_not_know_is_refused_with_its_code(oidc: OidcProvider, session: str) -> None:
    configured = settings.EndSystemSection(profile="oauth2-rfc7009", base_url=oidc.root)
    environ = {"CONNECTOR_CLIENT_ID": "nobody", "CONNECTOR_CLIENT_SECRET": "nothing"}
    async with opened(configured, environ) as end_system:
        outcome = await end_system.login(session, {"token_url": f"{oidc.root}/token"})
    assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "invalid_client")


async def test_a_form_makes_a_cookie_that_works_until_the_logout(tracker: Roundup, session: str) -> None:
    async with roundup(tracker) as end_system:
        login = of(await end_system.login(session, {"url": tracker.root, "username": "admin", "password": PASSWORD}), session)
        async with end_system.client(login) as http, http.get("rest/data/user/1") as answer:
            assert answer.status == 200
            assert (await answer.json(content_type=None))["data"]["attributes"]["username"] == "admin"
        assert (await end_system.logout(login)).result is LogoutResult.VERIFIED
        async with end_system.client(login) as http, http.get("rest/data/user/1") as answer:
            assert answer.status == 403


async def test_a_wrong_password_is_refused_by_a_page_that_answers_200(tracker: Roundup, session: str) -> None:
    async with roundup(tracker) as end_system:
        outcome = await end_system.login(session, {"url": tracker.root, "username": "admin", "password": "wrong"})
        assert (outcome.result, outcome.code, dict(outcome.credential)) == (LoginResult.REFUSED, "http_200", {})
