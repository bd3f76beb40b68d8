"""Builds the end system of the configuration. Profiles and classes are imported only if it asks for one."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from connector.config import settings as config
from connector.endsystems.end_system import EndSystem
from connector.endsystems.nothing_to_end import NothingToEnd

if TYPE_CHECKING:
    from connector.endsystems.naming_pools import SeatPools

DOTTED_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def build_end_system(settings: config.EndSystemSection, environ: Mapping[str, str]) -> EndSystem:
    """Make the end system of the configuration. Nothing is opened or sent before its `open`.

    Raises:
        ConfigurationError: with every problem, each with its dotted name.
    """
    if settings == config.EndSystemSection():
        return NothingToEnd()
    # A path to a `.toml` file looks like a dotted path, too.
    if DOTTED_PATH.fullmatch(settings.profile) and not settings.profile.endswith(".toml"):
        from connector.endsystems.own_class import own_end_system

        return own_end_system(settings, environ)
    from connector.endsystems.by_profile import end_system_by_profile

    return end_system_by_profile(settings, environ)


def build_seat_pools(settings: config.EndSystemSection, end_system: EndSystem) -> "SeatPools | None":
    """Return what names the pools of logins; None if they are not counted. Raises `ConfigurationError` with every problem."""
    if settings.seats is None and settings.seats_per is None:
        return None
    from connector.endsystems.naming_pools import seat_pools

    return seat_pools(settings, end_system)
