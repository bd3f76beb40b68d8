"""A login's answer names where the login is used and ended: another host, or the address of its logout."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import Canned, FaultySystem, faulty_system
from tests.endsystems.opened import SESSION, built, opened, undone

INSTANCE = """
description = "The login's answer names another host"

[[login]]
method = "POST"
url = "{base_url}/token"
success = [200]

[login.capture]
token = { json = "access_token" }
instance = { json = "instance_url" }

[credential]
Authorization = "Bearer {captured.token}"

[addresses]
base_url = "{captured.instance}"

[http]
headers = { Authorization = "{credential.Authorization}" }

[[steps]]
method = "POST"
url = "{base_url}/logout"
headers = { Authorization = "{credential.Authorization}", Origin = "{base_url|origin}" }
success = [200]
already_out = [401]
"""
LOGOUT_ADDRESS = """
description = "The login's answer names the address of its logout"

[[login]]
method = "POST"
url = "{base_url}/sessions"
success = [200]
capture = { token = { header = "X-Auth-Token" }, own = { header = "Location" } }

[credential]
X-Auth-Token = "{captured.token}"

[addresses]
logout = "{captured.own}"

[[steps]]
method = "DELETE"
url = "{address.logout}"
headers = { X-Auth-Token = "{credential.X-Auth-Token}" }
success = [200]
"""


@pytest.fixture
async def login_host() -> AsyncIterator[FaultySystem]:
    async with faulty_system() as system:
        yield system


@pytest.fixture
async def instance() -> AsyncIterator[FaultySystem]:
    async with faulty_system() as system:
        yield system


def token(instance: str) -> Canned:
    return Canned(200, json.dumps({"access_token": "t0ken", "instance_url": instance}))


def session(outcome: LoginOutcome) -> SessionLogin:
    return SessionLogin(SESSION, None, outcome.credential)


async def test_a_login_is_used_and_ended_at_the_host_that_its_answer_names(
    login_host: FaultySystem, instance: FaultySystem
) -> None:
    login_host.answers, instance.answers = [token(f"{instance.url}/eu5")], [Canned(200, "{}"), Canned(200)]
    async with opened(INSTANCE, base_url=login_host.url, allowed_urls=[login_host.url, instance.url]) as end_system:
        outcome = await end_system.login(SESSION, {})
        assert outcome.result is LoginResult.LOGGED_IN, outcome.message
        assert end_system.origin(session(outcome)) == instance.url
        async with end_system.client(session(outcome)) as client, client.get("query") as answer:
            assert answer.status == 200
        assert (await end_system.logout(session(outcome))).result is LogoutResult.ACKNOWLEDGED
    assert [request.target for request in instance.received] == ["/eu5/query", "/eu5/logout"]
    assert {request.header("authorization") for request in instance.received} == {b"Bearer t0ken"}
    assert instance.received[1].header("origin").decode() == instance.url
    assert [request.target for request in login_host.received] == ["/token"]


async def test_the_host_may_be_made_of_a_part_that_the_answer_names(login_host: FaultySystem, instance: FaultySystem) -> None:
    login_host.answers, instance.answers = [token(instance.url.rpartition(":")[2])], [Canned(200)]
    profile = INSTANCE.replace('"{captured.instance}"', '"http://127.0.0.1:{captured.instance}/api"')
    async with opened(profile, base_url=login_host.url, allowed_urls=[login_host.url, f"{instance.url}/api"]) as end_system:
        await end_system.logout(session(await end_system.login(SESSION, {})))
    assert [request.target for request in instance.received] == ["/api/logout"]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/redfish/Sessions/7?sig=s3cret", "/redfish/Sessions/7?sig=s3cret"),
        ("7", "/app/7"),
        ("{url}/app/Sessions/7", "/app/Sessions/7"),
    ],
)
async def test_a_login_is_ended_at_the_address_that_its_answer_names(
    login_host: FaultySystem, location: str, target: str
) -> None:
    headers = [("Location", location.replace("{url}", login_host.url)), ("X-Auth-Token", "t")]
    login_host.answers = [Canned(200, headers=headers), Canned(200)]
    async with opened(LOGOUT_ADDRESS, base_url=f"{login_host.url}/app", allowed_urls=[login_host.url]) as end_system:
        outcome = await end_system.login(SESSION, {})
        assert end_system.origin(session(outcome)) == login_host.url
        records = [record async for record in end_system.run(session(outcome))]
    assert [request.target for request in login_host.received] == ["/app/sessions", target]
    assert [record.url for record in records] == [f"{login_host.url}/***"]


async def test_an_address_outside_what_is_allowed_is_owed_and_nothing_is_sent_there(
    login_host: FaultySystem, instance: FaultySystem
) -> None:
    login_host.answers, keys = [token(instance.url)], {"base_url": login_host.url}
    async with opened(INSTANCE, **keys, allowed_urls=[login_host.url]) as end_system:
        outcome = await end_system.login(SESSION, {})
        assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "target_not_allowed")
        assert (await undone(end_system, outcome)).code == "target_not_allowed"
    assert instance.received == []
    async with opened(INSTANCE, **keys, allowed_urls=[login_host.url, instance.url]) as end_system:
        instance.answers = [Canned(200)]
        assert (await end_system.logout(session(outcome))).result is LogoutResult.ACKNOWLEDGED


@pytest.mark.parametrize(
    "named",
    [
        "javascript:alert(1)",
        "//other.example/x",
        "http://u:p@127.0.0.1/",
        "http://169.254.169.254/",
        "\\x",
        "a b",
        "ftp://h/",
    ],
)
async def test_what_is_no_address_is_owed_and_never_repeated(
    login_host: FaultySystem, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    login_host.answers = [token(named)]
    async with opened(INSTANCE, base_url=login_host.url, allowed_urls=[login_host.url]) as end_system:
        outcome = await end_system.login(SESSION, {})
        assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "target_not_allowed")
        assert "t0ken" in str(dict(outcome.credential))
        assert (await undone(end_system, outcome)).result is LogoutResult.REFUSED
    assert named not in str(outcome.message) + caplog.text
    assert len(login_host.received) == 1


async def test_a_login_that_was_made_over_tls_is_never_used_in_clear(tmp_path: Path, instance: FaultySystem) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as login_host:
        login_host.answers, urls = [token(instance.url)], [login_host.url, instance.url]
        async with opened(INSTANCE, base_url=login_host.url, allowed_urls=urls, ca_file=trusted.file) as end_system:
            outcome = await end_system.login(SESSION, {})
            await undone(end_system, outcome)
    assert outcome.message == "addresses.base_url: expected https, because the login was made over it"
    assert instance.received == []


@pytest.mark.parametrize(
    ("change", "keys", "problem"),
    [
        (("", ""), {}, "end_system.allowed_urls: is missing; logins name addresses"),
        (
            ("{captured.instance}", "https://fix"),
            {"allowed_urls": ["https://a"]},
            "profile.addresses.base_url: expected captured",
        ),
        (("{base_url}/logout", "{address.out}/x"), {}, "profile.steps[0]: address.out is not in profile.addresses"),
        (("[addresses]", '[addresses]\nout = "{captured.token}"'), {}, "profile.addresses.out: is used by nothing"),
        (("{base_url}/token", "{address.out}/token"), {}, "profile.login[0]: address.out is not known before the login"),
        (
            ("{captured.instance}", "{env.CONNECTOR_X}{captured.instance}"),
            {},
            "profile.addresses.base_url: expected only",
        ),
        (("{captured.instance}", "{captured.inst}"), {}, "profile.addresses.base_url: captured.inst is captured by no step"),
        (("[http]", '[returned]\nX = "{captured.instance}"\n[http]'), {}, "profile.returned.X: captured.instance is left behind"),
    ],
)
def test_a_mistake_in_an_address_is_named(tmp_path: Path, change: tuple[str, str], keys: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        built(INSTANCE.replace(*change), tmp_path, base_url="https://a", **keys)
    assert any(found.startswith(problem) for found in refused.value.problems), refused.value.problems


def test_a_base_url_is_not_needed_if_only_the_logins_answer_names_it(tmp_path: Path) -> None:
    profile = INSTANCE.replace("{base_url}/token", "https://login.example/token")
    allowed = ["https://login.example", "https://eu5.example"]
    assert isinstance(built(profile, tmp_path, allowed_urls=allowed), HttpEndSystem)
