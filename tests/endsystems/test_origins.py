"""Where a login is used and ended: what it is bound to, so that a change of any address holds it back."""

from pathlib import Path

import pytest

from connector.config import settings
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, SessionLogin
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.endsystems.opened import LOGOUT, VERIFY, built, login

STEP = LOGOUT.format(path="logout")
HTTP = '[http]\nheaders = { Authorization = "{credential.Authorization}" }\n'
PROBE = VERIFY.format(path="me")
ADDRESS = {"CONNECTOR_ADDRESS": "https://env.example.com/oauth/revoke"}
ELSEWHERE = ["https://literal.example.com", "https://env.example.com", "https://api.example.com", "https://l"]
FIXED = [
    (STEP, "https://desk.example.com", "https://desk.example.com"),
    (STEP, "https://Desk.example.com:443/", "https://desk.example.com"),
    (STEP, "http://[::1]:8080/realms/one/", "http://[::1]:8080/realms/one"),
    (STEP, "https://desk.example.com/realms/two", "https://desk.example.com/realms/two"),
    (STEP + PROBE.replace("{base_url}", "https://api.example.com/v1"), "https://d", "https://d https://api.example.com"),
    (STEP.replace("{base_url}", "https://literal.example.com/v2"), None, "https://literal.example.com"),
    (STEP.replace("{base_url}", "{env.CONNECTOR_ADDRESS}"), None, "https://env.example.com/oauth/revoke"),
    (STEP.replace("{base_url}", "https://l") + HTTP, "https://desk.example.com", "https://l https://desk.example.com"),
    ('description = "No logout"\nsteps = []\n' + HTTP, "https://desk.example.com", "https://desk.example.com"),
    ('description = "Nothing at all"\nsteps = []\n', "https://desk.example.com", ""),
]


@pytest.mark.parametrize(("profile", "base_url", "origin"), FIXED, ids=[origin or "none" for *_, origin in FIXED])
def test_a_login_is_bound_to_each_address_that_it_is_sent_to(
    profile: str, base_url: str | None, origin: str, tmp_path: Path
) -> None:
    end_system = built(
        profile, tmp_path, ADDRESS, base_url=base_url, allowed_urls=[*ELSEWHERE, *([base_url] if base_url else [])]
    )

    assert end_system.origin(login(Authorization="Bearer t")) == origin


def test_of_an_address_that_a_session_has_a_say_in_no_more_is_named_than_the_host(tmp_path: Path) -> None:
    address = "https://desk.example.com/{credential.X-Tenant}"
    end_system = built(STEP, tmp_path, base_url=address, allowed_urls=["https://desk.example.com"])

    assert end_system.origin(login(X_Tenant="s3cret")) == "https://desk.example.com"
    assert end_system.origin(login()) == ""


class OneSystem(EndSystem):
    """An end system of an author's own, which does not say where it is."""

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


class AnotherSystem(OneSystem):
    """Another one, to which no login of the first may be sent."""


def test_a_login_of_a_class_is_bound_to_that_class_unless_it_says_otherwise() -> None:
    classes = [f"{OneSystem.__module__}.{name}" for name in ("OneSystem", "AnotherSystem")]

    assert [build_end_system(settings.EndSystemSection(profile=path), {}).origin(login()) for path in classes] == classes


def test_places_that_differ_only_far_to_the_right_are_two(tmp_path: Path) -> None:
    addresses = [f"https://desk.example.com/{'realm/' * 40}{name}" for name in ("one", "two")]
    one, two = (
        built(STEP, tmp_path, base_url=address, allowed_urls=["https://desk.example.com"]).origin(login())
        for address in addresses
    )

    assert one != two
    assert {len(one), len(two)} == {200}


def test_classes_whose_names_differ_only_far_to_the_right_are_two() -> None:
    one, two = (type(f"{'Long' * 60}{name}", (OneSystem,), {}) for name in ("One", "Two"))

    names = [made(OneSystem.Settings()).origin(login()) for made in (one, two)]

    assert names[0] != names[1]
    assert {*map(len, names)} == {200}
