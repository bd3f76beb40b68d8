"""What a profile declares of its login: the settings that are checked, and the mistakes that are found at start."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endsystems.http.guard import url_prefix
from connector.endsystems.profile.bundled import checked_profile
from connector.endsystems.profile.setting import Setting, SettingType, effective, faults
from connector.model.errors import ConfigurationError
from tests.endsystems.opened import LOGIN, LOGOUT, built

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "profiles.md"
PROFILE = LOGOUT.format(path="logout") + LOGIN.format(path="login")
LEFT = "[credential]"
ALLOWED = [url_prefix("https://h/base")]
KINDS = {
    "text": Setting(required=True),
    "url": Setting(type=SettingType.URL),
    "count": Setting(type=SettingType.INTEGER),
    "flag": Setting(type=SettingType.BOOLEAN),
    "data": Setting(type=SettingType.JSON),
    "grant": Setting(choices=["password", "client"], default="client"),
}
FAULTS = {
    "url": "lies outside end_system.allowed_urls",
    "count": "expected a whole number",
    "flag": "expected true or false",
    "data": "expected JSON",
    "grant": "expected one of: password, client",
}
OF_URLS = (
    "expected a URL",
    "expected a URL of printable ASCII without blanks and backslashes",
    "expected http:// or https:// and a host",
    "expected no user or password in the URL",
    "expected no fragment in the URL",
    "expected a path without dot segments",
    "expected no link-local, metadata, unspecified, multicast or broadcast address",
)


def problems_in(profile: str, folder: Path, **keys: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        built(profile, folder, **({"base_url": "https://h"} | keys))
    return refused.value.problems


def test_all_that_is_wrong_with_settings_is_told_at_once_and_no_value_is_repeated() -> None:
    given = {"text": "", "url": "https://canary/", "count": "canary", "flag": "canary", "data": "{canary", "grant": "canary"}
    told = [*faults(KINDS, given, ALLOWED)]
    assert told == ["text: is missing", *(f"{name}: {fault}" for name, fault in FAULTS.items())]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "https://h/base/x"),
        ("count", "-7"),
        ("flag", "TRUE"),
        ("data", '{"a": [1]}'),
        ("grant", "password"),
        ("suppressNotification", "1"),
    ],
)
def test_what_is_right_and_what_is_not_declared_is_no_problem(name: str, value: str) -> None:
    assert [*faults(KINDS, {"text": "x", name: value}, ALLOWED)] == []


@given(st.dictionaries(st.sampled_from([*KINDS]), st.text(min_size=12)))
def test_what_is_told_of_settings_is_the_same_whatever_their_values(given: dict[str, str]) -> None:
    fixed = {"text: is missing", *(f"{name}: {fault}" for name, fault in FAULTS.items()), *(f"url: {each}" for each in OF_URLS)}
    assert {*faults(KINDS, given, ALLOWED)} <= fixed


@pytest.mark.parametrize("value", ["[" * 100_000, "1" * 5000, "NaN x", "\ud800"])
def test_json_that_cannot_be_read_is_a_problem_and_nothing_worse(value: str) -> None:
    assert Setting(type=SettingType.JSON).fault(value, ALLOWED) == "expected JSON"


def test_a_default_stands_for_what_is_not_set_and_what_is_not_declared_goes_nowhere() -> None:
    assert effective(KINDS, {"text": "x", "other": "y", "url": ""}) == {"text": "x", "grant": "client"}


def test_an_end_system_checks_the_settings_that_its_profile_declares(tmp_path: Path) -> None:
    end_system = built(PROFILE, tmp_path, base_url="https://h")
    assert end_system.check_settings({"password": "x", "suppressNotification": "2"}) == ["username: is missing"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("required = true\n\n", "requird = true\n\n"),
            "profile.settings.username.requird: unknown key; did you mean `required`?",
        ),
        (("required = true\n\n", 'type = "number"\n'), "profile.settings.username.type: input should be 'text', 'url'"),
        (
            ("required = true\n\n", 'required = true\ndefault = "x"\n'),
            "profile.settings.username: expected no default for what is",
        ),
        (("required = true\n\n", 'type = "url"\ndefault = "x"\n'), "profile.settings.username: the default: expected http://"),
        (
            ("required = true\n\n", "\n"),
            "profile.settings.username: expected required = true or a default, because profile.login[0] needs it",
        ),
        (
            ("{setting.username}", "{setting.user}"),
            "profile.login[0]: setting.user is not declared in profile.settings; did you mean `username`?",
        ),
        (("{setting.username}", "{credential.X}"), "profile.login[0]: credential.X is not known before the login"),
        (("{setting.username}", "{captured.x}"), "profile.login[0]: captured.x is captured by no earlier step"),
        (("{setting.username}", "{null}"), "profile.login[0].form.username: null can only be a whole value within json"),
        (("success = [200]", "success = []"), "profile.login[0].success: expected at least one answer; nothing is assumed"),
        (("refused = [401, 403]", "refused = [200]"), "profile.login[0].success: 200 is in refused already"),
        (("refused = [401, 403]", "already_out = [401]"), "profile.login[0].already_out: unknown key"),
        (
            ("{captured.token}", "{captured.tok}"),
            "profile.credential.Authorization: captured.tok is captured by no step of the login; did you mean `token`?",
        ),
        (("{captured.token}", "x"), "profile.login: captured.token is used by nothing"),
        (("Bearer {captured.token}", "{env.CONNECTOR_X}"), "profile.credential.Authorization: expected only captured.<name>,"),
        (
            ('Authorization = "Bearer', 'X-Token = "Bearer'),
            "profile.steps[0]: credential.Authorization is not in profile.credential",
        ),
        (
            ('[credential]\nAuthorization = "Bearer {captured.token}"', ""),
            "profile.credential: is missing; it says what the login",
        ),
        ((LEFT, LEFT + '\nauthorization = "x"'), "profile.credential: expected each name once, in whatever case"),
        ((LEFT, '[returned]\nX = "{captured.token}"\n' + LEFT), "profile.returned.X: captured.token is left behind"),
        ((LEFT, '[returned]\nX = "{setting.password}"\n' + LEFT), "profile.returned.X: setting.password is secret"),
        ((LEFT, '[returned]\nX = "{env.CONNECTOR_X}"\n' + LEFT), "profile.returned.X: expected only captured.<name>"),
        ((LEFT, '[http]\nheaders = { A = "{setting.username}" }\n' + LEFT), "profile.http: setting.username is known at"),
        ((LEFT, '[http]\nheaders = { A = "{captured.token}" }\n' + LEFT), "profile.http: captured.token is not known"),
        ((LEFT, '[http]\nheaders = { A = "{credential.A}" }\n' + LEFT), "profile.http: credential.A is not in profile"),
        ((LEFT, '[http]\nheaders = { Host = "x" }\n' + LEFT), "profile.http.headers: expected none of accept-encoding"),
        (
            ('"{credential.Authorization}" }', '"{credential.Authorization}{setting.username}" }'),
            "profile.steps[0]: setting.username is known at login only; leave it behind",
        ),
    ],
)
def test_a_mistake_in_a_login_is_named_with_what_was_expected(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    assert change[0] in PROFILE
    problems = problems_in(PROFILE.replace(*change), tmp_path)
    assert any(found.startswith(problem) for found in problems), problems


def test_what_a_profile_returns_needs_something_that_it_is_the_result_of(tmp_path: Path) -> None:
    (problem,) = problems_in(LOGOUT.format(path="x") + '[returned]\nX = "y"\n', tmp_path)
    assert problem == "profile.returned: expected a login whose result it is"


def test_the_documented_profile_is_one() -> None:
    reference = DOCUMENTATION.read_text("utf-8").partition("## Writing one")[2]
    blocks = re.findall(r"```toml\n(.*?)```", reference, re.DOTALL)
    logout = next(block for block in blocks if block.startswith("description"))
    login = next(block for block in blocks if "[[login]]" in block)
    assert checked_profile(tomllib.loads(logout + login)).login


def test_a_credential_that_is_the_customers_own_is_never_logged_out(tmp_path: Path) -> None:
    key = '[settings.key]\nrequired = true\n[credential]\nAuthorization = "{setting.key}"\n'
    (problem,) = problems_in(LOGOUT.format(path="x") + key, tmp_path)
    assert problem.startswith("profile.steps: expected none; without a login the credential is the customer's own")


def test_what_a_login_needs_in_the_environment_is_missed_at_start(tmp_path: Path) -> None:
    (problem,) = problems_in(PROFILE.replace("{setting.username}", "{env.CONNECTOR_NONE}"), tmp_path)
    assert problem == "profile.login[0]: needs the environment variable CONNECTOR_NONE, which is missing or empty"


def test_an_address_of_a_login_that_is_known_at_start_is_checked_there(tmp_path: Path) -> None:
    (problem,) = problems_in(PROFILE.replace("{base_url}/login", "https://elsewhere/login"), tmp_path)
    assert problem == "profile.login[0].url: lies outside end_system.allowed_urls"


CHOSEN = {"base_url": "{setting.url}", "allowed_urls": ["https://h"]}
URL = '[settings.url]\ntype = "url"\n'


@pytest.mark.parametrize(
    ("profile", "keys", "problem"),
    [
        (PROFILE, CHOSEN, "end_system.base_url: setting.url is not declared in profile.settings as required or with a default"),
        (PROFILE + URL, CHOSEN, "end_system.base_url: setting.url is not declared in profile.settings as required or with a"),
        (
            PROFILE + URL + "required = true\n",
            {"base_url": "{setting.url}"},
            "end_system.allowed_urls: is missing; sessions choose",
        ),
        (
            PROFILE,
            {"base_url": "{setting.url}/{credential.X}", "allowed_urls": ["https://h"]},
            "end_system.base_url: expected setting",
        ),
        (
            LOGOUT.format(path="x") + URL + "required = true\n",
            CHOSEN,
            "end_system.base_url: expected no setting, because the profile has no login that would know it",
        ),
    ],
)
def test_a_base_url_of_settings_needs_a_login_that_knows_them(
    tmp_path: Path, profile: str, keys: dict[str, Any], problem: str
) -> None:
    (found,) = problems_in(profile, tmp_path, **keys)
    assert found.startswith(problem)
