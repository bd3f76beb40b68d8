"""Whose seats a login takes: told by a template of settings, checked before the server starts."""

from pathlib import Path
from typing import Any

import pytest

from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.naming_pools import SeatPools, seat_pools
from connector.model.begun import Opening
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LogoutOutcome, LogoutResult

PROFILE = """
description = "tokens for a name"
[settings.url]
type = "url"
default = "https://one.example/tool"
[settings.name]
required = true
[settings.realm]
[[login]]
method = "POST"
url = "{base_url}/login"
success = [200]
capture = { token = { json = "token" } }
[credential]
X-Token = "{captured.token}"
[[steps]]
method = "DELETE"
url = "{base_url}/login"
headers = { X-Token = "{credential.X-Token}" }
success = [204]
"""
NOBODY = SessionLogin("", None, Credential())


class OwnEndSystem(EndSystem):
    """One of an author, whose settings nobody declares."""

    async def login(self, session_id: str, settings: object) -> LoginOutcome:
        raise AssertionError

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)


class EndlessEndSystem(OwnEndSystem):
    """Ends nothing."""

    ends_sessions = False


ENDLESS = f"{EndlessEndSystem.__module__}.{EndlessEndSystem.__qualname__}"
OWN = f"{OwnEndSystem.__module__}.{OwnEndSystem.__qualname__}"


@pytest.fixture
def profile(tmp_path: Path) -> str:
    (tmp_path / "named.toml").write_text(PROFILE, "utf-8")
    return str(tmp_path / "named.toml")


def section(profile: str, **options: Any) -> EndSystemSection:
    addresses = ["https://one.example", "https://two.example"]
    base_url = None if profile == OWN else "{setting.url}"
    return EndSystemSection(profile=profile, base_url=base_url, allowed_urls=addresses, **options)


def made(settings: EndSystemSection) -> tuple[EndSystem, SeatPools]:
    end_system = build_end_system(settings, {})
    pools = seat_pools(settings, end_system)
    assert pools is not None
    return end_system, pools


def problem(settings: EndSystemSection) -> str:
    with pytest.raises(ConfigurationError) as found:
        seat_pools(settings, build_end_system(settings, {}))
    (line,) = found.value.problems
    return line


def pool(settings: EndSystemSection, **given: str) -> str:
    end_system, pools = made(settings)
    return pools.of(end_system.origin_to_come(NOBODY, given), given)


def test_without_seats_no_login_is_of_a_pool(profile: str) -> None:
    settings = section(profile)
    assert seat_pools(settings, build_end_system(settings, {})) is None


def test_each_address_is_a_pool_and_each_user_if_the_template_says_so(profile: str) -> None:
    shared, own = section(profile, seats=2), section(profile, seats=2, seats_per="{setting.name}")
    one, two = {"url": "https://one.example/x"}, {"url": "https://two.example/x"}
    assert pool(shared, name="a", **one) == pool(shared, name="b") != pool(shared, name="a", **two)
    assert len({pool(own, name=name, **place) for name in "ab" for place in (one, two)}) == 4


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "{setting.realm}",
            "end_system.seats_per: setting.realm is not declared in profile.settings as required or with a default",
        ),
        (
            "{setting.nmae}",
            "end_system.seats_per: setting.nmae is not declared in profile.settings as required or with a default",
        ),
        ("{credential.X}", "end_system.seats_per: expected only setting.<name> in braces, not credential.X"),
        ("opshub", "end_system.seats_per: expected a setting in braces, such as {setting.username}"),
        (
            "{setting.name",
            "end_system.seats_per: at character 1: a single '{'; write '{{' for the brace itself, or close the name",
        ),
    ],
)
def test_a_template_that_cannot_be_filled_is_found_before_the_start(profile: str, template: str, expected: str) -> None:
    assert problem(section(profile, seats=2, seats_per=template)) == expected


def test_seats_need_a_login_and_a_logout_and_a_template_needs_seats(profile: str) -> None:
    assert problem(section(profile, seats_per="{setting.name}")) == "end_system.seats_per: expected end_system.seats beside it"
    assert problem(EndSystemSection(profile=ENDLESS, seats=1)).startswith(
        "end_system.seats: expected an end system with a logout"
    )
    assert problem(EndSystemSection(profile="none", seats=1)).startswith("end_system.seats: expected an end system with a login")


def test_what_a_class_of_ones_own_is_not_given_is_found_when_a_session_is_opened() -> None:
    _, pools = made(section(OWN, seats=1, seats_per="{setting.name + setting.realm|token}"))
    assert [*pools.faults({"name": "a", "realm": " b"})] == []
    assert [*pools.faults({"name": "a"})] == ["realm: is missing; end_system.seats_per needs it"]
    (line,) = pools.faults({"name": "a", "realm": "b"})
    assert line.startswith("name, realm: ")
    assert "expected a scheme word and a token" in line


def test_a_pools_name_is_in_no_text_of_an_opening() -> None:
    assert "hidden" not in repr(Opening("s", None, "o", "l", 0.0, pool="hidden"))
