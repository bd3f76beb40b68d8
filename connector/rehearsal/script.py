"""The script of a rehearsal, and its bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from yarl import URL

REPEATABLE = frozenset(["GET", "HEAD"])
"""Methods of calls: each is sent many times, so it must not change anything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a rehearsal."""

    answer: float = 30.0
    """Seconds for each answer."""
    total: float = 300.0
    """Seconds for everything, except the cleanups that close open sessions at the end."""
    requests: int = 1000
    """Requests at most, except for those cleanups."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A setting that OpsHub sends to initialize, or a header that initialize returns."""

    key: str
    value: str = field(repr=False)
    sensitive: bool = False

    @property
    def as_json(self) -> dict[str, str | bool]:
        """The pair as it travels."""
        return {"key": self.key, "value": self.value, "sensitive": self.sensitive}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the connector that needs a session, for instance `GET /projects`."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Script:
    """What is played, against whom."""

    urls: Sequence[str]
    """Base URLs of one connector, without a slash at the end."""
    settings: Sequence[Pair] = ()
    changed_settings: Sequence[Pair] | None = None
    """The settings after the configuration change, with which `calls` must be answered otherwise. None skips that check."""
    calls: Sequence[Call] = ()
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    """The headers of a session that somebody else has opened. None: `initialize` gives them."""
    mbse: bool = False
    """Whether errors are expected as a list."""
    end_system: str = ""
    """URL of the end system, without a slash at its end; empty skips what needs a failing one."""
    end_system_port: int = 8917
    """Port of this machine at which the connector expects its end system."""


def base_url(text: str) -> str:
    """Return a connector's base URL without a slash at its end. Raises `ValueError`, which does not repeat it."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("expected an http or https URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("expected an http or https URL")
    # A password in a URL would show in the report, and in a list of processes.
    if url.user is not None or url.password is not None or url.raw_query_string or url.raw_fragment:
        raise ValueError("expected a URL without user, password, query and fragment")
    return str(url).rstrip("/")


def origin_url(text: str) -> str:
    """Return the URL of an end system's root. Raises `ValueError`, which does not repeat it."""
    url = base_url(text)
    if URL(url).path != "/":
        raise ValueError("expected a URL without a path; the connector's own settings have the path")
    return url


def parsed_call(text: str) -> Call:
    """Return the call that is written as `GET /projects`. Raises `ValueError`."""
    method, _, path = text.strip().partition(" ")
    if (
        method.upper() not in REPEATABLE
        or not path.startswith("/")
        or not path.isascii()
        or not path.isprintable()
        or " " in path
    ):
        raise ValueError("expected a call that changes nothing, such as `GET /projects`, percent-encoded")
    return Call(method.upper(), path)
