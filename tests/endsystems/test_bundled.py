"""The bundled profiles: each is whole, sends what it says, and sends nothing without a credential."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import SessionLogin
from connector.endsystems.profile.bundled import bundled_names, load_profile, profile_text
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.profile import Profile
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.conversations import LOGINS
from tests.endsystems.faulty import Canned, FaultySystem, faulty_system
from tests.endsystems.opened import ENVIRON, SESSION, login

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "profiles.md"
NAMES = bundled_names()
SENDING = [name for name in NAMES if name != "none" and name not in LOGINS]
"""Those that were tried at real systems are in `test_confirmed`."""
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
        "GET /base/oauth/token/info Authorization: Bearer t0ken/+=",
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
        "GET /me Authorization: Bearer t0ken/+=",
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

GIVEN = {
    "username": "us&r",
    "password": "p<ss/",
    "client_id": "i&",
    "client_secret": "s/",
    "site": "acme",
    "suppressNotification": "1",
}
TOKEN = '{"access_token": "t0ken/+=", "refresh_token": "r", "token": "786-z"}'
LWSSO = Canned(200, headers=[("Set-Cookie", "LWSSO_COOKIE_KEY=l; Path=/; HttpOnly")])
ANSWERS: Mapping[str, list[Canned]] = {
    "alm-octane": [LWSSO],
    "alm-qc": [LWSSO, Canned(201, headers=[("Set-Cookie", "QCSession=q;Path=/"), ("Set-Cookie", "XSRF-TOKEN=x; Path=/")])],
    "bmc-remedy": [Canned(200, "t0ken/+=\n")],
    "bugzilla": [Canned(200, TOKEN)],
    "ca-service-desk": [Canned(201, '{"rest_access": {"@id": 4007, "access_key": 17, "expiration_date": 1585800576}}')],
    "jira-datacenter": [Canned(200, headers=[("Set-Cookie", "JSESSIONID=j; Path=/; HttpOnly")])],
    "keycloak": [Canned(200, TOKEN)],
    "oauth2-rfc7009": [Canned(200, TOKEN)],
    "oauth2-rfc7009-verified": [Canned(200, TOKEN)],
    "qtest": [Canned(200, TOKEN)],
}
"""What an end system answers to the requests of a login."""
CLIENT = "Authorization: Basic Y2xpZW50LWNhbmFyeTpzM2NyZXQtY2FuYXJ5"
CLIENT_FORM = "client_id=client-canary&client_secret=s3cret-canary"
ALM = "<alm-authentication><user>us&amp;r</user><password>p&lt;ss/</password></alm-authentication>"
LOGIN_SENT: Mapping[str, list[str]] = {
    "alm-octane": ['POST /base/authentication/sign_in {"client_id": "i&", "client_secret": "s/"}'],
    "alm-qc": [
        f"POST /base/authentication-point/alm-authenticate {ALM}",
        "POST /base/rest/site-session Cookie: LWSSO_COOKIE_KEY=l",
    ],
    "bmc-remedy": ["POST /base/api/jwt/login username=us%26r&password=p%3Css%2F"],
    "bugzilla": ["GET /base/rest/login?login=us%26r&password=p%3Css%2F"],
    "ca-service-desk": ["POST /base/caisd-rest/rest_access Authorization: Basic dXMmcjpwPHNzLw== <rest_access/>"],
    "jira-datacenter": ['POST /base/rest/auth/1/session {"username": "us&r", "password": "p<ss/"}'],
    "keycloak": [
        f"POST /base/protocol/openid-connect/token grant_type=password&{CLIENT_FORM}&username=us%26r&password=p%3Css%2F",
    ],
    "oauth2-rfc7009": [f"POST /token {CLIENT} grant_type=client_credentials"],
    "oauth2-rfc7009-verified": [f"POST /token {CLIENT} grant_type=client_credentials"],
    "qtest": ["POST /base/oauth/token Authorization: Basic YWNtZTo= grant_type=password&username=us%26r&password=p%3Css%2F"],
}
LEFT: dict[str, Mapping[str, str]] = {
    "alm-octane": {"cookie": "LWSSO_COOKIE_KEY=l"},
    "alm-qc": {"cookie": "LWSSO_COOKIE_KEY=l; QCSession=q; XSRF-TOKEN=x"},
    "bmc-remedy": {"authorization": "AR-JWT t0ken/+="},
    "bugzilla": {"x-bugzilla-token": "786-z"},
    "ca-service-desk": {"x-accesskey": "17", "x-accesskey-id": "4007"},
    "jira-datacenter": {"cookie": "JSESSIONID=j"},
    "keycloak": {"x-refresh-token": "r", "authorization": "Bearer t0ken/+="},
    "oauth2-rfc7009": {"authorization": "Bearer t0ken/+="},
    "oauth2-rfc7009-verified": {"authorization": "Bearer t0ken/+="},
    "qtest": {"authorization": "bearer t0ken/+="},
}
CARRIED = LEFT | {
    "alm-qc": {**LEFT["alm-qc"], "x-xsrf-token": "x"},
    "ca-service-desk": {"x-accesskey": "17"},
    "keycloak": {"authorization": "Bearer t0ken/+="},
}
"""What an author's own requests carry of it."""
LOGGING_IN = [name for name in SENDING if load_profile(name).login]


@asynccontextmanager
async def bundled(name: str) -> AsyncIterator[tuple[HttpEndSystem, FaultySystem]]:
    """A bundled profile, opened, and the server that it sends to."""
    async with faulty_system() as system:
        configured = settings.EndSystemSection(profile=name, base_url=f"{system.url}/base", allowed_urls=[system.url])
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


def logout_answers(profile: Profile) -> list[Canned]:
    """The answers to a logout of a living login, without those to the probes after it."""
    before = [Canned(probe.alive[0].status or 0) for probe in profile.verify if probe.before]
    return before + [Canned(step.success[0].status or 0) for step in profile.steps]


@pytest.mark.parametrize("name", SENDING)
async def test_each_sends_what_its_end_system_wants(name: str) -> None:
    async with bundled(name) as (end_system, system):
        system.answers = logout_answers(end_system.profile)
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


def test_no_bundled_login_goes_untested() -> None:
    assert [*ANSWERS] == [*LOGIN_SENT] == [*LEFT] == LOGGING_IN


@pytest.mark.parametrize("name", LOGGING_IN)
async def test_each_login_sends_what_its_end_system_wants_and_leaves_what_its_logout_needs(name: str) -> None:
    async with bundled(name) as (end_system, system):
        profile = end_system.profile
        alive = [Canned(probe.alive[0].status or 0) for probe in profile.verify]
        system.answers = [*ANSWERS[name], *alive, *logout_answers(profile)]
        given = {**GIVEN, "token_url": f"{system.url}/token"}
        assert end_system.check_settings(given) == []
        outcome = await end_system.login(SESSION, given)
        proof = SENT[name][len(SENT[name]) - len(profile.verify) :]
        assert (shown(system), dict(outcome.credential)) == (LOGIN_SENT[name] + proof, LEFT[name])
        ended = await end_system.logout(SessionLogin(SESSION, None, outcome.credential))
        assert ended.result is LogoutResult.ACKNOWLEDGED


@pytest.mark.parametrize("name", LOGGING_IN)
async def test_each_login_is_refused_or_unexpected_according_to_the_answer(
    name: str,
) -> None:
    async with bundled(name) as (end_system, system):
        system.answers = [Canned(401), Canned(299)]
        given = {**GIVEN, "token_url": f"{system.url}/token"}
        outcomes = [await end_system.login(SESSION, given) for _ in range(2)]
        assert [(outcome.result, outcome.code) for outcome in outcomes] == [
            (LoginResult.REFUSED, "http_401"),
            (LoginResult.REFUSED, "unexpected_answer"),
        ]


@pytest.mark.parametrize("name", LOGGING_IN)
async def test_each_login_can_be_carried_by_an_authors_own_requests(name: str) -> None:
    async with bundled(name) as (end_system, system):
        session = SessionLogin(SESSION, None, Credential(LEFT[name].items()))
        async with end_system.client(session) as http, http.get(f"{system.url}/fine"):
            pass
        sent = {name: value.decode() for name, value in system.received[0].headers}
        assert sent.items() >= CARRIED[name].items()
        assert not (LEFT[name].keys() - CARRIED[name].keys()) & sent.keys()


async def test_none_sends_nothing_and_needs_nothing() -> None:
    async with bundled("none") as (end_system, system):
        outcome = await end_system.logout(login(**CREDENTIALS))
        assert (outcome.result, end_system.needed_headers) == (LogoutResult.NOT_APPLICABLE, frozenset())
        assert not system.connections
