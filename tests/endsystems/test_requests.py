"""What a request of a profile can hold: as a real server receives it, decoded by other means than ours."""

import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from connector.endsystems.end_system import SessionLogin
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.faulty import Canned, Received, faulty_system
from tests.endsystems.opened import SESSION, built, login, opened

SETTINGS = """
[settings.tenant]

[settings.username]
required = true

[settings.password]
required = true
secret = true
"""
PROFILE = """
description = "A login with something special, and a logout"
%s
[[login]]
method = "POST"
url = "{base_url}/login"
%s
success = [200]
capture = { token = { json = "token" } }

[credential]
Token = "{captured.token}"
%s

[[steps]]
method = "POST"
url = "{base_url}/logout"
headers = { X-Token = "{credential.Token}" }
success = [200]
"""
WHO = {"username": "ann", "password": "p:w"}


async def sent(request: str, credential: str = "", settings: Mapping[str, str] = WHO) -> Received:
    """Log in with such a request; returns it as it came."""
    return (await all_sent(request, credential, settings))[0]


async def all_sent(request: str, credential: str = "", settings: Mapping[str, str] = WHO) -> list[Received]:
    """Log in with such a request, and out; returns both as they came."""
    profile = PROFILE % (SETTINGS, request, credential)
    async with faulty_system() as system, opened(profile, base_url=f"{system.url}/app") as end_system:
        system.answers = [Canned(200, '{"token": "t"}'), Canned(200), Canned(200)]
        outcome = await end_system.login(SESSION, settings)
        assert outcome.result is LoginResult.LOGGED_IN, outcome.message
        await end_system.logout(SessionLogin(SESSION, None, outcome.credential))
        return [*system.received]


async def test_null_is_a_value_of_json() -> None:
    received = await sent('json = { a = "{null}", b = ["{null}", { c = "{null}" }], d = "{{null}}" }')
    assert json.loads(received.body) == {"a": None, "b": [None, {"c": None}], "d": "{null}"}


async def test_a_field_of_a_form_and_a_parameter_may_have_several_values() -> None:
    received = await sent('form = { scope = ["a b", "{setting.username}"], x = "1" }\nquery = { q = ["1", "2"], r = [] }')
    assert parse_qsl(received.body.decode()) == [("scope", "a b"), ("scope", "ann"), ("x", "1")]
    assert parse_qsl(received.target.partition("?")[2]) == [("q", "1"), ("q", "2")]


async def test_several_values_are_encoded_as_one() -> None:
    joined = "{setting.username + ':' + setting.password + ':site'|base64}"
    received = await sent(f'headers = {{ Authorization = "Zimbra {joined}" }}', f'Basic = "Basic {joined}"')
    assert b64decode(received.header("authorization").removeprefix(b"Zimbra ")) == b"ann:p:w:site"


async def test_a_random_value_is_the_same_in_one_run_and_another_in_the_next() -> None:
    request = 'form = { v = "{random.verifier}", c = "{random.verifier|s256}", n = "{random.nonce}", l = "{random.left}" }'
    first, second = [await all_sent(request, 'Left = "{random.left}"') for _ in range(2)]
    fields, others = (dict(parse_qsl(received[0].body.decode())) for received in (first, second))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", fields["v"])
    assert urlsafe_b64decode(fields["c"] + "=") == sha256(fields["v"].encode()).digest()
    assert len({*fields.values(), *others.values()}) == 8


async def test_what_is_random_in_a_login_is_left_behind_as_it_was_sent() -> None:
    profile = PROFILE.replace('X-Token = "{credential.Token}"', 'X-Token = "{credential.Device}"')
    profile %= (SETTINGS, 'form = { device = "{random.device}" }', 'Device = "{random.device}"')
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [Canned(200, '{"token": "t"}'), Canned(200)]
        outcome = await end_system.login(SESSION, WHO)
        await end_system.logout(SessionLogin(SESSION, None, outcome.credential))
        device = dict(parse_qsl(system.received[0].body.decode()))["device"]
        assert system.received[1].header("x-token").decode() == device


async def test_the_steps_of_one_logout_have_one_nonce() -> None:
    step = """
[[steps]]
method = "POST"
url = "{base_url}/fine"
headers = { X-Nonce = "{random.nonce}" }
success = [200]
already_out = []
"""
    async with faulty_system() as system, opened('description = "x"' + step * 2, base_url=system.url) as end_system:
        assert (await end_system.logout(login())).result is LogoutResult.ACKNOWLEDGED
        assert len({request.header("x-nonce") for request in system.received}) == 1


async def test_the_time_is_sent_in_the_form_that_is_asked_for() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    received = await sent('json = { s = "{time.seconds}", m = "{time.milliseconds}", i = "{time.iso}" }')
    fields = json.loads(received.body)
    moments = [
        datetime.fromtimestamp(int(fields["s"]), UTC),
        datetime.fromtimestamp(int(fields["m"]) / 1000, UTC),
        datetime.strptime(fields["i"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
    ]
    assert all(before <= moment <= datetime.now(UTC) for moment in moments)


OPTIONAL = """
query = { q = "{setting.tenant|optional}", r = "1" }
headers = { X-Tenant = "t={setting.tenant|optional}", X-Two = "{setting.tenant + setting.username|optional|base64}" }
cookies = { tenant = "{setting.tenant|optional}" }
"""


@pytest.mark.parametrize(("settings", "there"), [(WHO, False), ({**WHO, "tenant": ""}, False), ({**WHO, "tenant": "emea"}, True)])
async def test_what_depends_on_an_optional_setting_is_left_out_without_it(settings: Mapping[str, str], there: bool) -> None:
    left = 'Tenant = "{setting.tenant|optional}"\n[returned]\nX-Tenant = "{setting.tenant|optional}"'
    structure = 'json = { a = { b = "{setting.tenant|optional}" }, c = ["{setting.tenant|optional}", "1"] }'
    request = await sent(OPTIONAL + structure, left, settings)
    assert parse_qsl(request.target.partition("?")[2]) == ([("q", "emea")] if there else []) + [("r", "1")]
    assert request.header("x-tenant") == (b"t=emea" if there else b"")
    assert request.header("x-two") == (b"ZW1lYWFubg==" if there else b"")
    assert request.header("cookie") == (b"tenant=emea" if there else b"")
    assert json.loads(request.body) == ({"a": {"b": "emea"}, "c": ["emea", "1"]} if there else {"a": {}, "c": ["1"]})
    form = await sent('form = { a = ["{setting.tenant|optional}", "1"], b = "{setting.tenant|optional}" }', left, settings)
    assert parse_qsl(form.body.decode()) == ([("a", "emea"), ("a", "1"), ("b", "emea")] if there else [("a", "1")])


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ('query = { a = "{setting.tenant}" }', "profile.settings.tenant: expected required = true or a default"),
        ('query = { a = "{setting.tenants|optional}" }', "profile.login[0]: setting.tenants is not declared"),
        (
            'basic = { username = "{setting.tenant|optional}", password = "x" }',
            "profile.login[0].basic.username: expected",
        ),
        (
            'text = "{setting.tenant|optional}"\nheaders = { Content-Type = "a/b" }',
            "profile.login[0].text: expected nothing",
        ),
        ('json = "{setting.tenant|optional}"', "profile.login[0].json: expected nothing optional"),
        ('form = { a = "{env.CONNECTOR_CLIENT_ID|optional}" }', "profile.login[0]: env.CONNECTOR_CLIENT_ID cannot be optional"),
        ('form = { a = "{null}" }', "profile.login[0].form.a: null can only be a whole value within json"),
        ('json = { a = "x{null}" }', "profile.login[0].json: null can only be a whole value within json"),
    ],
)
def test_what_cannot_be_left_out_or_is_no_value_is_refused(tmp_path: Path, request_: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        built(PROFILE % (SETTINGS, request_, ""), tmp_path, base_url="https://a")
    assert any(problem.startswith(place) for problem in refused.value.problems), refused.value.problems


async def test_origin_and_referer_are_made_of_the_base_url() -> None:
    headers = 'headers = { Origin = "{base_url|origin}", Referer = "{base_url}/login" }'
    profile = PROFILE % (SETTINGS, headers + '\nform = { redirect_uri = "{base_url}/callback" }', "")
    async with faulty_system() as system, opened(profile, base_url=f"{system.url}/app") as end_system:
        system.answers = [Canned(200, '{"token": "t"}')]
        await end_system.login(SESSION, WHO)
        url, received = system.url, system.received[0]
    assert received.header("origin").decode() == url
    assert received.header("referer").decode() == f"{url}/app/login"
    assert parse_qsl(received.body.decode()) == [("redirect_uri", f"{url}/app/callback")]


def test_a_logout_is_never_made_without_its_credential_because_that_is_optional(tmp_path: Path) -> None:
    optional = (PROFILE % (SETTINGS, "", "")).replace("{credential.Token}", "{credential.Token|optional}")
    with pytest.raises(ConfigurationError) as refused:
        built(optional, tmp_path, base_url="https://a")
    assert refused.value.problems[0].startswith("profile.steps[0]: credential.Token cannot be optional")


@pytest.mark.parametrize("tenant", ["", "emea"])
async def test_what_a_setting_left_behind_is_left_out_of_the_logout_without_it(tenant: str) -> None:
    profile = PROFILE % (SETTINGS, "", 'Tenant = "{setting.tenant|optional}"')
    profile = profile.replace("headers = {", 'query = { t = "{credential.Tenant|optional}" }\nheaders = {')
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [Canned(200, '{"token": "t"}'), Canned(200)]
        outcome = await end_system.login(SESSION, {**WHO, "tenant": tenant})
        await end_system.logout(SessionLogin(SESSION, None, outcome.credential))
        assert system.received[1].target == ("/logout?t=emea" if tenant else "/logout")
