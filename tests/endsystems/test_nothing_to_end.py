"""The end system as shipped does what the bundled profile `none` says, in less memory."""

import pytest

from connector.config.settings import EndSystemDeadlines, EndSystemSection
from connector.endsystems import EndSystem, SessionLogin
from connector.endsystems.build import build_end_system, build_seat_pools
from connector.endsystems.by_profile import end_system_by_profile
from connector.endsystems.nothing_to_end import NothingToEnd
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError, LoginNotCarried

SETTINGS = {"username": "alex", "systemURL": "https://tool.example.com"}
LOGIN = SessionLogin("6f1c1d2e-8d5e-4c1b-9d4b-0f6a2c9b7e11", "jira-prod", Credential([("Authorization", "Bearer x")]))


@pytest.fixture(name="by_profile")
def by_profile_fixture() -> EndSystem:
    return end_system_by_profile(EndSystemSection(), {})


@pytest.fixture(name="shipped")
def shipped_fixture() -> EndSystem:
    return build_end_system(EndSystemSection(profile="none"), {})


def test_the_default_configuration_has_it_and_any_other_key_the_profile() -> None:
    assert isinstance(build_end_system(EndSystemSection(), {}), NothingToEnd)
    for section in (EndSystemSection(deadlines=EndSystemDeadlines(total=3)), EndSystemSection(base_url="https://a.example")):
        assert type(build_end_system(section, {})) is type(end_system_by_profile(section, {}))


def test_it_describes_itself_as_the_profile_does(shipped: EndSystem, by_profile: EndSystem) -> None:
    for name in ("needed_headers", "opens_sessions", "ends_sessions", "shares_logins"):
        assert getattr(shipped, name) == getattr(by_profile, name)


def test_it_names_the_same_places_and_checks_the_same_settings(shipped: EndSystem, by_profile: EndSystem) -> None:
    assert shipped.origin(LOGIN) == by_profile.origin(LOGIN)
    assert shipped.origin_to_come(LOGIN, SETTINGS) == by_profile.origin_to_come(LOGIN, SETTINGS)
    assert shipped.check_settings(SETTINGS) == by_profile.check_settings(SETTINGS)
    assert shipped.settings_for_handlers(SETTINGS) == by_profile.settings_for_handlers(SETTINGS)


async def test_its_logins_and_logouts_come_to_the_same(shipped: EndSystem, by_profile: EndSystem) -> None:
    assert await shipped.login("a", SETTINGS) == await by_profile.login("a", SETTINGS)
    assert await shipped.logout(LOGIN) == await by_profile.logout(LOGIN)


def test_a_client_is_refused_with_the_same_words(shipped: EndSystem, by_profile: EndSystem) -> None:
    told = []
    for end_system in (shipped, by_profile):
        with pytest.raises(LoginNotCarried) as refused:
            end_system.client(LOGIN)
        told.append(str(refused.value))

    assert told[0] == told[1]


def test_seats_without_a_login_are_refused_as_before(shipped: EndSystem) -> None:
    assert build_seat_pools(EndSystemSection(), shipped) is None
    with pytest.raises(ConfigurationError, match=r"seats_per: expected end_system\.seats"):
        build_seat_pools(EndSystemSection(seats_per="{setting.username}"), shipped)
