"""From the configuration to an end system: every problem at once, with its dotted name, and nothing outside is touched."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.opened import ENVIRON, LOGOUT, VERIFY, built, login
from tests.sessions.desk import PROFILE as DESK

HERE = "tests.endsystems.test_build"
OWN = ("OwnSystem", "OwnSystemWithLogins")


class OwnSystem(EndSystem):
    """An end system of an author's own."""

    class Settings(EndSystemSettings):
        tenant: str
        depth: int = 1

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        assert isinstance(self.settings, self.Settings)
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED, code=self.settings.tenant)


def problems_of(**keys: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        build_end_system(settings.EndSystemSection(**keys), {})
    return refused.value.problems


def problems_in(profile: str, folder: Path, **keys: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        built(profile, folder, **({"base_url": "https://h"} | keys))
    return refused.value.problems


async def test_a_class_of_ones_own_is_made_with_its_checked_settings() -> None:
    end_system = build_end_system(settings.EndSystemSection(profile=f"{HERE}.OwnSystem", settings={"tenant": "x"}), {})
    assert (await end_system.logout(login())).code == "x"


class OwnSystemWithLogins(OwnSystem):
    """One that makes the logins, too."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        return LoginOutcome(LoginResult.LOGGED_IN)


def test_sessions_begin_at_a_class_with_a_login_of_its_own_and_at_a_profile_with_one() -> None:
    configured = [settings.EndSystemSection(profile=f"{HERE}.{name}", settings={"tenant": "x"}) for name in OWN]
    configured += [settings.EndSystemSection(profile=profile, base_url="https://h") for profile in ("none", str(DESK))]
    assert [build_end_system(each, {}).opens_sessions for each in configured] == [False, True] * 2


def test_settings_of_a_class_of_ones_own_are_checked_and_what_it_cannot_use_is_named() -> None:
    keys: dict[str, Any] = {"base_url": "https://{setting.host}", "allowed_urls": ["https://h"]}
    assert problems_of(profile=f"{HERE}.OwnSystem", settings={"depth": "deep", "more": 1}, **keys) == [
        "end_system.base_url: expected no settings in braces; a Python class passes `base_url` to its client itself",
        "end_system.settings.tenant: Field required",
        "end_system.settings.depth: Input should be a valid integer, unable to parse string as an integer",
        "end_system.settings.more: Extra inputs are not permitted",
    ]


async def test_a_class_of_ones_own_has_a_client_for_the_configured_base_url() -> None:
    keys: dict[str, Any] = {"profile": f"{HERE}.OwnSystem", "settings": {"tenant": "x"}}
    one = build_end_system(settings.EndSystemSection(**keys, base_url="https://h/a"), {})
    other = build_end_system(settings.EndSystemSection(**keys), {})

    assert (one.guarded.base_url, other.guarded.base_url) == ("https://h/a", None)
    assert [each.origin(login()) for each in (one, other)] == [f"{HERE}.OwnSystem at https://h/a", f"{HERE}.OwnSystem"]


@pytest.mark.parametrize("path", [f"{HERE}.NoSuchClass", f"{HERE}.problems_of", f"{HERE}.Path", "no.such.module.Class"])
def test_a_dotted_path_that_leads_to_no_end_system_is_refused(path: str) -> None:
    (problem,) = problems_of(profile=path)
    assert problem.startswith("end_system.profile: expected a bundled profile, a .toml file, or the dotted path of a class")


def test_a_mistyped_name_of_a_profile_is_refused_with_what_was_probably_meant() -> None:
    assert problems_of(profile="jira-data-center") == [
        "end_system.profile: no bundled profile has this name; did you mean `jira-datacenter`?"
    ]


def test_a_profile_may_begin_with_a_byte_order_mark_and_have_line_breaks_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LOGOUT.format(path="logout").replace("\n", "\r\n").encode())
    assert build_end_system(settings.EndSystemSection(profile=str(file), base_url="https://h"), {}).ends_sessions


def test_a_profile_of_ones_own_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, binary, broken = (tmp_path / name for name in ("missing.toml", "binary.toml", "broken.toml"))
    binary.write_bytes(b"\xff")
    broken.write_text("steps = [")
    assert problems_of(profile=str(missing)) == ["end_system.profile: the file cannot be read: No such file or directory"]
    assert problems_of(profile=str(binary)) == [
        "end_system.profile: the file cannot be read: expected the path of a file in UTF-8"
    ]
    assert problems_of(profile=str(broken))[0].startswith("end_system.profile: the file is not TOML: ")


def test_every_problem_of_the_section_is_found_at_once(tmp_path: Path) -> None:
    no_pem = tmp_path / "none.pem"
    no_pem.write_text("nothing")
    problems = problems_of(
        profile="no-such",
        base_url="ftp://h",
        allowed_urls=["https://fine/", "https://u:p4ssword@h/", "/x"],
        ca_file=no_pem,
        proxy="socks5://u:p4ssword@h",
        settings={"a": 1},
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "end_system.settings",
        "end_system.profile",
        "end_system.base_url",
        "end_system.allowed_urls[1]",
        "end_system.allowed_urls[2]",
        "end_system.ca_file",
        "end_system.proxy",
    ]
    assert "p4ssword" not in str(problems)


def test_what_a_profile_needs_and_does_not_get_is_found_at_once() -> None:
    assert problems_of(profile="gitlab") == [
        "end_system.base_url: is missing; profile.steps[0] needs it",
        "profile.steps[0]: needs the environment variable CONNECTOR_CLIENT_ID, which is missing or empty",
        "profile.steps[0]: needs the environment variable CONNECTOR_CLIENT_SECRET, which is missing or empty",
        "end_system.base_url: is missing; profile.verify needs it",
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            {"base_url": "{credential.X-Url}"},
            "end_system.allowed_urls: is missing; sessions choose a part of end_system.base_url",
        ),
        (
            {"base_url": "{captured.x}"},
            "end_system.base_url: expected only setting.<name>, credential.<header> and env.CONNECTOR_<NAME> in braces",
        ),
        ({"base_url": "{env.CONNECTOR_NONE}"}, "end_system.base_url: env.CONNECTOR_NONE is missing or empty"),
        ({"base_url": "{credential.X"}, "end_system.base_url: at character 1: a single '{'"),
        ({"base_url": "https://169.254.169.254"}, "end_system.base_url: expected no link-local"),
        ({"base_url": "https://h/?a"}, "end_system.base_url: expected a URL without a query"),
        ({"allowed_urls": ["https://h/other"]}, "profile.steps[0].url: lies outside end_system.allowed_urls"),
        ({"ca_file": Path("/no/such/file")}, "end_system.ca_file: cannot be read: No such file or directory"),
        ({"proxy": "http://h/path"}, "end_system.proxy: expected http://host:port"),
        ({"proxy": "https://h"}, "end_system.proxy: expected http://host:port"),
        ({"proxy": "http://h:port"}, "end_system.proxy: expected http://host:port"),
    ],
)
def test_where_requests_go_is_checked(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    (found,) = problems_in(LOGOUT.format(path="x"), tmp_path, **keys)
    assert found.startswith(problem)


def test_a_base_url_from_the_environment_is_known_at_start(tmp_path: Path) -> None:
    end_system = built(
        LOGOUT.format(path="x"), tmp_path, ENVIRON | {"CONNECTOR_HOST": "h.example"}, base_url="https://{env.CONNECTOR_HOST}/"
    )
    assert end_system.needed_headers == {"Authorization"}


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://elsewhere/me", "profile.verify.url: lies outside end_system.allowed_urls"),
        ("https://h/me?token=canary", "profile.verify.url: expected a URL without a query"),
        ("https://u:canary@h/me", "profile.verify.url: expected no user or password in the URL"),
        ("h/me", "profile.verify.url: expected http:// or https:// and a host"),
        ("", "profile.verify: needs the environment variable CONNECTOR_PROBE_URL, which is missing or empty"),
    ],
)
def test_an_address_from_the_environment_is_checked_at_start(tmp_path: Path, address: str, problem: str) -> None:
    profile = LOGOUT.format(path="x") + VERIFY.format(path="y").replace("{base_url}/y", "{env.CONNECTOR_PROBE_URL}")
    with pytest.raises(ConfigurationError) as refused:
        built(profile, tmp_path, {"CONNECTOR_PROBE_URL": address}, base_url="https://h")
    assert refused.value.problems == [problem]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('method = "DELETE"', 'metod = "DELETE"'), "profile.steps[0].metod: unknown key; did you mean `method`?"),
        (('method = "DELETE"', 'methods = "DELETE"\nmethod = "BREW"'), "profile.steps[0].method: input should be 'GET', 'HEAD'"),
        (("success = [200, 204]", ""), "profile.steps[0].success: is missing"),
        (("success = [200, 204]", "success = []"), "profile.steps[0].success: expected at least one answer; nothing is assumed"),
        (("[200, 204]", "[200, 999]"), "profile.steps[0].success[1].status: input should be less than or equal to 599"),
        (("[200, 204]", '["200"]'), "profile.steps[0].success[0]: expected a number, such as 200, or a table of status, body"),
        (("[200, 204]", "200"), "profile.steps[0].success: expected a list in brackets"),
        (("[[steps]]", "[steps]"), "profile.steps: expected tables [[steps]], in two pairs of brackets"),
        (("headers = {", 'headers = "A"\ncookies = {'), "profile.steps[0].headers: expected a table"),
        (("[200, 204]", "[200, {}]"), "profile.steps[0].success[1]: expected a status, a body or headers"),
        (("[200, 204]", '[{ body = "(" }]'), "profile.steps[0].success[0].body: expected a regular expression: "),
        (("[200, 204]", '[{ stat = 2, body = "x" }]'), "profile.steps[0].success[0].stat: unknown key; did you mean `status`?"),
        (("[200, 204]", "[200, 401]"), "profile.steps[0].success: 401 is in already_out already"),
        (('json = "error"', 'jsn = "error"'), "profile.steps[0].error_code.jsn: unknown key; did you mean `json`?"),
        (
            ('{ json = "error" }', "{}"),
            "profile.steps[0].error_code: expected exactly one of header, cookie, cookies",
        ),
        (('{ json = "error" }', '{ json = "a", cookie = "b" }'), "profile.steps[0].error_code: expected exactly one of header"),
        (('{ json = "error" }', '{ pattern = "a" }'), "profile.steps[0].error_code: expected a pattern with exactly one group"),
        (
            ("{credential.Authorization}", "{credential.A|x}"),
            "profile.steps[0].headers.Authorization: at character 1: unknown filter",
        ),
        (
            ("{credential.Authorization}", "{null}"),
            "profile.steps[0].headers.Authorization: null can only be a whole value within json",
        ),
        (("{credential.Authorization}", "{captured.x}"), "profile.steps[0]: captured.x is captured by no earlier step"),
        (("{ Authorization =", '{ "A B" ='), "profile.steps[0].headers.A B: expected the name of a header"),
        (("{ Authorization =", "{ Host ="), "profile.steps[0].headers: expected none of accept-encoding, connection"),
        (("{ Authorization =", '{ authorization = "x", Authorization ='), "profile.steps[0].headers: expected each name once"),
        (
            ("{ Authorization =", '{ Cookie = "a={credential.B}", Authorization ='),
            "profile.steps[0].headers.Cookie: expected one value",
        ),
        (("{base_url}/x", "x"), "profile.steps[0].url: expected http:// or https:// and a host"),
        (("{base_url}/x", "{base_url}x"), "profile.steps[0].url: expected a / after {base_url}"),
        (("{base_url}/x", "{base_url}{credential.A}"), "profile.steps[0].url: expected a / after {base_url}"),
        (
            ("{base_url}/x", "{credential.A}/x"),
            "profile.steps[0].url: expected {base_url}, {env.<name>}, {setting.<name>}, {address.<name>} or a host",
        ),
        (("{base_url}/x", "https://{credential.A}/x"), "profile.steps[0].url: expected http:// or https:// and a host"),
        (("{base_url}/x", "https://h{credential.A}/x"), "profile.steps[0].url: expected a / between the host and the first name"),
        (("{base_url}/x", "{base_url}/{base_url}"), "profile.steps[0].url: base_url can only be the beginning"),
        (("{base_url}/x", "{base_url}/a b"), "profile.steps[0].url: expected only characters that a URL has"),
        (("{base_url}/x", "{base_url}/#x"), "profile.steps[0].url: expected only characters that a URL has"),
        (("{base_url}/x", "{base_url}/../x"), "profile.steps[0].url: expected a path without dot segments"),
        (("{base_url}/x", "https://elsewhere/x"), "profile.steps[0].url: lies outside end_system.allowed_urls"),
        (("[401]", '[401]\nform = { a = "b" }\ntext = "c"'), "profile.steps[0]: expected at most one of form, json, text"),
        (("[401]", '[401]\ntext = "c"'), "profile.steps[0].text: expected a header Content-Type beside it"),
        (("[401]", "[401]\njson = { when = 2026-01-01 }"), "profile.steps[0].json: expected text, numbers, booleans"),
        (
            ("[401]", '[401]\nbasic = { username = "a", password = "b" }'),
            "profile.steps[0].basic: expected no header Authorization",
        ),
        (("[401]", '[401]\nbasic = { username = "a" }'), "profile.steps[0].basic.password: is missing"),
        (("[401]", '[401]\ncapture = { a = { header = "A" } }'), "profile.steps[0].capture.a: is used by no later step"),
        (("description", "describe"), "profile.describe: unknown key; did you mean `description`?"),
    ],
)
def test_a_mistake_in_a_profile_is_named_with_what_was_expected(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    problems = problems_in(LOGOUT.format(path="x").replace(*change), tmp_path)
    assert any(found.startswith(problem) for found in problems), problems


def test_a_text_that_is_not_xml_keeps_no_value_in_its_place(tmp_path: Path) -> None:
    body = '[401]\ntext = "a {credential.B}"'
    profile = LOGOUT.format(path="x").replace("{ Auth", '{ Content-Type = "text/plain", Auth').replace("[401]", body)
    (problem,) = problems_in(profile, tmp_path)
    assert problem.startswith("profile.steps[0].text: expected XML, a single value or no value")


def test_a_step_that_others_follow_has_to_say_how_it_answers_a_second_time(tmp_path: Path) -> None:
    one = LOGOUT.format(path="x")
    another = one[one.index("[[steps]]") :]
    (problem,) = problems_in(one.replace("already_out = [401]", "") + another, tmp_path)
    assert problem.startswith("profile.steps[0].already_out: is missing; a retry runs all steps again")


def test_a_probe_uses_nothing_captured_and_needs_steps_before_it(tmp_path: Path) -> None:
    probe = VERIFY.format(path="x").replace("credential.Authorization", "captured.a")
    assert problems_in('description = "x"\nsteps = []\n' + probe, tmp_path) == [
        "profile.verify: expected steps before it",
        "profile.verify: captured.a is not known there; a probe uses what the login has left behind",
    ]


def test_all_mistakes_of_a_profile_are_found_at_once(tmp_path: Path) -> None:
    profile = LOGOUT.format(path="x").replace("DELETE", "BREW").replace("{base_url}", "x").replace("error_code", "eror_code")
    assert len(problems_in(profile, tmp_path)) == 3


def test_an_authority_of_ones_own_replaces_the_systems(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    built(LOGOUT.format(path="x"), tmp_path, base_url="https://h", ca_file=trusted.file)
    assert len(ssl.create_default_context(cafile=trusted.file).get_ca_certs()) == 1


def test_the_same_configuration_can_be_built_twice_outside_an_event_loop(tmp_path: Path) -> None:
    assert built(LOGOUT.format(path="x"), tmp_path, base_url="https://h") is not built(
        LOGOUT.format(path="x"), tmp_path, base_url="https://h"
    )
