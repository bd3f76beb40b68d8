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
