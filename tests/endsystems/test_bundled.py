"""The bundled profiles: each is whole, sends what it says, and sends nothing without a credential."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.bundled import bundled_names, load_profile, profile_text
from connector.endsystems.http_profile import HttpEndSystem
from connector.outcomes import LogoutResult
from tests.endsystems.faulty import Canned, FaultySystem, faulty_system
from tests.endsystems.opened import ENVIRON, login

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "profiles.md"
NAMES = bundled_names()
SENDING = [name for name in NAMES if name != "none"]
CREDENTIALS = {
    "Authorization": "Scheme t0ken/+=",
    "Cookie": "JSESSIONID=j; LWSSO_COOKIE_KEY=l; QCSession=q; XSRF-TOKEN=x",
    "X_Refresh_Token": "r",
    "X_Bugzilla_Token": "786-z",
    "X_AccessKey": "k",
    "X_AccessKey_Id": "40/07",
}
SENT: Mapping[str, list[str]] = {
    "alm-octane": ["POST /base/authentication/sign_out Cookie: LWSSO_COOKIE_KEY=l"],
    "alm-qc": [
        "DELETE /base/rest/site-session Cookie: LWSSO_COOKIE_KEY=l; QCSession=q; XSRF-TOKEN=x",
        "POST /base/authentication-point/logout Cookie: LWSSO_COOKIE_KEY=l; XSRF-TOKEN=x",
    ],
    "bmc-remedy": ["POST /base/api/jwt/logout Authorization: AR-JWT t0ken/+="],
    "bugzilla": ["GET /base/rest/logout?token=786-z"],
    "ca-service-desk": ["DELETE /base/caisd-rest/rest_access/40%2F07"],
    "gitlab": [
        "POST /base/oauth/revoke client_id=client-canary&client_secret=s3cret-canary&token=t0ken%2F%2B%3D",
        "GET /base/oauth/token/info Authorization: Bearer t0ken/+=",
    ],
    "jazz": [f"POST /base/service/com.ibm.team.repository.service.internal.ILogoutRestService Cookie: {CREDENTIALS['Cookie']}"],
    "jira-datacenter": [
        "DELETE /base/rest/auth/1/session Cookie: JSESSIONID=j",
        "GET /base/rest/auth/1/session Cookie: JSESSIONID=j",
    ],
    "keycloak": [
        "POST /base/protocol/openid-connect/logout client_id=client-canary&client_secret=s3cret-canary&refresh_token=r",
    ],
    "oauth2-rfc7009": ["POST /base Authorization: Basic Y2xpZW50LWNhbmFyeTpzM2NyZXQtY2FuYXJ5 token=t0ken%2F%2B%3D"],
    "oauth2-rfc7009-verified": [
        "POST /base Authorization: Basic Y2xpZW50LWNhbmFyeTpzM2NyZXQtY2FuYXJ5 token=t0ken%2F%2B%3D",
        "GET /me Authorization: Bearer t0ken/+=",
    ],
    "qtest": ["POST /base/oauth/revoke Authorization: bearer t0ken/+="],
    "salesforce": ["POST /base/services/oauth2/revoke token=t0ken%2F%2B%3D"],
    "servicenow": ["POST /base/oauth_revoke_token.do token=t0ken%2F%2B%3D"],
    "teamwork-cloud": [f"GET /base/osmc/logout Cookie: {CREDENTIALS['Cookie']}"],
    "zendesk": [
        "DELETE /base/api/v2/oauth/tokens/current.json Authorization: Bearer t0ken/+=",
        "GET /base/api/v2/oauth/tokens/current.json Authorization: Bearer t0ken/+=",
    ],
}


@asynccontextmanager
async def bundled(name: str) -> AsyncIterator[tuple[HttpEndSystem, FaultySystem]]:
    """A bundled profile, opened, and the server that it sends to."""
    async with faulty_system() as system:
        configured = settings.EndSystem(profile=name, base_url=f"{system.url}/base", allowed_urls=[system.url])
        end_system = build_end_system(configured, ENVIRON | {"CONNECTOR_PROBE_URL": f"{system.url}/me"})
        assert isinstance(end_system, HttpEndSystem)
        await end_system.open()
        yield end_system, system
        await end_system.aclose()


def shown(system: FaultySystem) -> list[str]:
    """What the server received: method, target, credentials and body of each request."""
    lines = []
    for request in system.received:
        headers = [(name, request.header(name).decode()) for name in ("Authorization", "Cookie")]
        told = [f"{name}: {value}" for name, value in headers if value]
        lines.append(" ".join([request.method, request.target, *told, *filter(None, [request.body.decode()])]))
    return lines


def test_no_bundled_profile_goes_untested() -> None:
    assert [*SENT] == SENDING


@pytest.mark.parametrize("name", NAMES)
def test_each_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENTATION.read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_each_begins_with_what_it_is_for_and_says_what_is_confirmed(name: str) -> None:
    text = profile_text(name)
    assert text.startswith("# ")
    assert name == "none" or ("# Confirmed in" in text and "end_system.base_url" in text)
    assert load_profile(name).description


@pytest.mark.parametrize("name", SENDING)
async def test_each_sends_what_its_end_system_wants(name: str) -> None:
    async with bundled(name) as (end_system, system):
        system.answers = [Canned(step.success[0].status or 0) for step in end_system.profile.steps]
        outcome = await end_system.logout(login(**CREDENTIALS))
        assert outcome.result is LogoutResult.ACKNOWLEDGED
        assert shown(system) == SENT[name]


@pytest.mark.parametrize("name", SENDING)
async def test_each_sends_nothing_without_its_credential(name: str) -> None:
    async with bundled(name) as (end_system, system):
        outcome = await end_system.logout(login(X_Other="1"))
        assert (outcome.result, outcome.code) == (LogoutResult.REFUSED, "credential_missing")
        assert not system.connections


@pytest.mark.parametrize("name", SENDING)
async def test_each_takes_an_answer_that_it_does_not_know_for_no_logout(name: str) -> None:
    async with bundled(name) as (end_system, system):
        system.answers = [Canned(299)]
        assert (await end_system.logout(login(**CREDENTIALS))).result is LogoutResult.REFUSED


async def test_none_sends_nothing_and_needs_nothing() -> None:
    async with bundled("none") as (end_system, system):
        outcome = await end_system.logout(login(**CREDENTIALS))
        assert (outcome.result, end_system.needed_headers) == (LogoutResult.NOT_APPLICABLE, frozenset())
        assert not system.connections
