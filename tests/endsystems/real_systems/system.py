"""What is known of a real end system: where it comes from, its profile, and how a login in it is seen to be alive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build" / "end-systems"
USER = "ann"
PASSWORD = "0nly-for+tests/"
"""Holds characters that have to be encoded on their way."""


class Source(Enum):
    """Where a system comes from."""

    PYPI = "PyPI"
    DEBIAN = "Debian 12"


@dataclass(frozen=True, slots=True)
class RealSystem:
    """A system. The folder of its name holds `start`, which sets it up and serves it, and for PyPI the pinned packages."""

    key: str
    """Its profile, and its folder."""
    name: str
    version: str
    source: Source
    use: str
    """What only a live login may read, relative to the base URL. Empty if no header carries a login: the probe uses it then."""
    alive: str
    """What the answer to a live login has and no other answer."""
    logout: str
    """What the system's logout really does, in words."""
    base_path: str = ""
    """What the base URL has beyond the root."""
    ready: str = "/"
    """A path that answers once the system serves."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the profile's login wants beside the user and the password."""
    packages: tuple[str, ...] = ()
    """Debian's, with their versions."""

    @property
    def folder(self) -> Path:
        return HERE / self.key.replace("-", "_")

    @property
    def environment(self) -> Path:
        """Where it is installed."""
        return BUILD / self.key

    @property
    def entered(self) -> list[dict[str, str]]:
        """What OpsHub sends to open a session."""
        return self.entered_with(PASSWORD)

    def entered_with(self, password: str) -> list[dict[str, str]]:
        """The same with another password."""
        values = {"username": USER, "password": password, **self.settings}
        return [{"key": key, "value": value} for key, value in values.items()]

    def section(self, root: str) -> str:
        """Return its section of the connector's configuration file, for a system at `root`."""
        lines = [f'profile = "{self.key}"', f'base_url = "{root}{self.base_path}"', f'allowed_urls = ["{root}"]']
        return "\n".join(["[end_system]", *lines, ""])
