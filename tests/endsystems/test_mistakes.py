"""What would fail at every login or logout is found when the profile is loaded."""

import pytest

from connector.model.errors import ConfigurationError
from tests.endsystems.opened import LOGIN, LOGOUT, VERIFY, opened

WHOLE = LOGOUT.format(path="logout") + VERIFY.format(path="alive") + LOGIN.format(path="login")
TRANSPORT = "belongs to the transport, so that OpsHub cannot send it back"
BRACES = "expected no name in braces, because none is replaced here"


async def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as found:
        async with opened(text, base_url="http://h"):
            pass
    return found.value.problems


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Host", TRANSPORT),
        ("content-length", TRANSPORT),
        ("X-Forwarded-For", TRANSPORT),
        ("x-connector-session", "is the name of the seal, which initialize returns by itself"),
    ],
)
async def test_a_header_that_opshub_cannot_send_back_is_found(name: str, problem: str) -> None:
    assert await problems(f'{WHOLE}[returned]\n{name} = "x"\n') == [f"profile.returned.{name}: {problem}"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[200, 204]", '[{ status = 200, body = "bye {setting.username}" }]', f"profile.steps[0].success[0].body: {BRACES}"),
        ('{ json = "token" }', '{ json = "{setting.username}" }', f"profile.login[0].capture.token.json: {BRACES}"),
        (
            "form = { username",
            'form = { "{setting.username}" = "x", username',
            f"profile.login[0].form.{{setting.username}}: {BRACES}",
        ),
        ("alive = [200]", 'alive = [{ body = "{credential.Authorization}" }]', f"profile.verify.alive[0].body: {BRACES}"),
        ("required = true\n\n", 'default = "{env.CONNECTOR_USER}"\n\n', f"profile.settings.username.default: {BRACES}"),
    ],
)
async def test_a_name_in_braces_where_none_is_replaced_is_found(old: str, new: str, problem: str) -> None:
    assert old in WHOLE
    assert problem in await problems(WHOLE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'headers = { Authorization = "{credential.Authorization}" }',
            'headers = { Authorization = "{credential.Authorization}", X-Name = "\N{SNOWMAN}" }',
            "profile.steps[0].headers.X-Name: holds a character that has no place in a header",
        ),
        (
            "[credential]\n",
            '[returned]\nX-Name = "\N{SNOWMAN}"\n[credential]\n',
            "profile.returned.X-Name: holds a character that has no place in a header",
        ),
    ],
)
async def test_a_text_of_the_profile_that_never_fits_its_place_is_found(old: str, new: str, problem: str) -> None:
    assert problem in await problems(WHOLE.replace(old, new, 1))


NAMES = "expected the name of a header"
NO_BODY = "expected a header or cookies, because a success of this step has no body"
DOTS = "expected keys and indexes joined by dots, such as errors.0.code, or a JSON Pointer, such as /errors/0"
CARRIES = 'headers = { Authorization = "{credential.Authorization}" }'
HTTP = f"[http]\n{CARRIES}\n"
REFRESH = """
[[refresh]]
method = "POST"
url = "{base_url}/refresh"
success = [200]
capture = { token = { json = "token" } }
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('{ json = "token" }', '{ header = "X-Token:" }', f"login[0].capture.token.header: {NAMES}"),
        ('{ json = "token" }', '{ cookie = "SID=" }', "login[0].capture.token.cookie: expected the name of a cookie"),
        ('{ json = "token" }', '{ json = "" }', f"login[0].capture.token.json: {DOTS}"),
        ('{ json = "token" }', '{ json = "$.token" }', f"login[0].capture.token.json: {DOTS}"),
        ('{ json = "token" }', '{ json = "tokens[0]" }', f"login[0].capture.token.json: {DOTS}"),
        ("[200]\nref", '[{ status = 200, headers = { "A:" = "x" } }]\nref', f"login[0].success[0].headers.A:: {NAMES}"),
        ("[200]\nref", "[204]\nref", f"login[0].capture.token: {NO_BODY}"),
        (CARRIES, 'cookies = { A = "{credential.Authorization|cookie:A}" }', "steps[0].cookies.A: cookie A of credential.Autho"),
        (
            "[credential]",
            f"{HTTP}[credential]".replace("}", "|token|cookie:A}", 1),
            "http.headers.Authorization: cookie A of credential.Authorization is missing or empty",
        ),
        ("{base_url}/login", "{base_url}/a/../login", "login[0].url: expected a path without dot segments"),
    ],
)
async def test_what_would_fail_at_each_login_is_found(old: str, new: str, problem: str) -> None:
    assert old in WHOLE
    found = await problems(WHOLE.replace(old, new, 1))
    assert [told.startswith(f"profile.{problem}") for told in found] == [True]


@pytest.mark.parametrize("variable", ["s3cret\n", "s3cret\r\n", " s3cret"])
async def test_a_variable_that_fits_no_header_is_found_and_not_shown(variable: str) -> None:
    text = LOGOUT.format(path="logout").replace("headers = { ", 'headers = { X-Key = "{env.CONNECTOR_KEY}", ')
    for profile in (text, text + LOGIN.format(path="login")):
        with pytest.raises(ConfigurationError) as found:
            async with opened(profile, base_url="http://h", environ={"CONNECTOR_KEY": variable}):
                pass
        assert found.value.problems == ["profile.steps[0].headers.X-Key: holds a character that has no place in a header"]


async def test_a_path_below_an_address_that_settings_choose_is_looked_at_too() -> None:
    text = WHOLE.replace("{base_url}/login", "{base_url}/a/%2e%2e/login").replace(
        "[settings.username]", f"{URL}[settings.username]"
    )
    with pytest.raises(ConfigurationError) as found:
        async with opened(text, base_url="{setting.url}", allowed_urls=["http://h"]):
            pass
    assert found.value.problems == ["profile.login[0].url: expected a path without dot segments"]


URL = '[settings.url]\nrequired = true\ntype = "url"\n\n'


@pytest.mark.parametrize(
    ("base_url", "old", "new"),
    [
        ("{setting.url}/api", "", ""),
        ("https://{setting.username}.example.com", "", ""),
        ("http://h", "{base_url}/login", "{setting.url}/login"),
        ("http://h", '"{credential.Authorization}"', '"{credential.Authorization|token}"'),
        ("http://h", '"Bearer {captured.token}"', '"{captured.token}"'),
        ("http://h", '"Bearer {captured.token}"', '"Bearer {captured.token|token}"'),
        ("http://h", '"Bearer {captured.token}"', '"{setting.username|token}"\nX-T = "{captured.token|origin}"'),
    ],
)
async def test_what_only_a_login_shows_is_left_to_the_login(base_url: str, old: str, new: str) -> None:
    text = WHOLE.replace("[settings.username]", f"{URL}[settings.username]").replace(old, new)
    async with opened(text, base_url=base_url, allowed_urls=["http://h/", "https://a.example.com"]) as end_system:
        assert end_system.opens_sessions


@pytest.mark.parametrize(("expires_in", "is_right"), [("3600", True), ('"3600.5"', True), ('"1 h"', False), ("true", False)])
async def test_a_time_in_which_a_login_expires_is_a_number_of_seconds(expires_in: str, is_right: bool) -> None:
    text = f"expires_in = {expires_in}\n{WHOLE}".replace("[credential]", f"{REFRESH}{HTTP}[credential]")
    if is_right:
        async with opened(text, base_url="http://h"):
            return
    (problem,) = await problems(text)
    assert problem.startswith("profile.expires_in: expected ")
