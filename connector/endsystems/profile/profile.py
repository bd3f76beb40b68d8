"""A profile: describes how to log in to an end system over HTTP and out of it, and is checked as a whole."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from connector.endsystems.profile.extract import Extract
from connector.endsystems.profile.names import CaptureName, HeaderName, SettingName
from connector.endsystems.profile.request import Headed, Request, Text
from connector.endsystems.profile.rules import Lists, ProfileTable, Rules, Verdict
from connector.endsystems.profile.setting import Setting
from connector.endsystems.profile.template import Reference, Source, Template

BASE_URL = "base_url"
"""The name of the address at which paths begin."""


class Step(Request):
    """One request of a login or a logout, and what its answers mean."""

    unlisted: ClassVar[str | None] = None
    """The code of an answer that no list names and that will not pass; None for the end system's own code."""

    success: Rules
    retry: Rules = Field(default_factory=list)
    capture: dict[CaptureName, Extract] = Field(default_factory=dict)
    """Values that later steps take from a successful answer."""
    error_code: Extract | None = None
    """The end system's own code for the report."""

    @property
    @abstractmethod
    def lists(self) -> Lists:
        """Its lists, the most cautious first."""


class LoginStep(Step):
    """One request of a login."""

    unlisted = "unexpected_answer"

    refused: Rules = Field(default_factory=list)
    """The end system refuses the credentials."""

    @property
    def lists(self) -> Lists:
        """Its lists, the most cautious first."""
        return [(Verdict.AWAY, self.retry), (Verdict.REFUSED, self.refused), (Verdict.SUCCESS, self.success)]


class LogoutStep(Step):
    """One request of a logout. A request that captures only prepares, and logs nobody out."""

    already_out: Rules | None = None
    """Required in every step but the last, if only as an empty list, because a retry runs all steps again."""

    @property
    def lists(self) -> Lists:
        """Its lists, the most cautious first."""
        return [(Verdict.AWAY, self.retry), (Verdict.ALREADY_OUT, self.already_out or []), (Verdict.SUCCESS, self.success)]


class Verify(Request):
    """A probe: a request with the old credential, and what its answers prove."""

    credential: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$")] = "old credential"
    """Says to a person which credential it uses."""
    dead: Rules
    alive: Rules = Field(default_factory=list)
    before: bool = False
    """Whether it is sent before the logout as well, because a logout without a session looks like one with a session."""
    may_live_on: bool = False
    """Whether this credential may work after the logout, because nothing can end it before its time."""

    @property
    def lists(self) -> Lists:
        """Its lists, the most cautious first."""
        return [(Verdict.ALIVE, self.alive), (Verdict.DEAD, self.dead)]


def _several(probes: object) -> object:
    return [probes] if isinstance(probes, dict) else probes


def _written(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Profile(ProfileTable):
    """A whole profile. Without steps, there is nothing to log out of."""

    description: Annotated[str, Field(min_length=1)]
    """One line for `connector profiles list`."""
    settings: dict[SettingName, Setting] = Field(default_factory=dict)
    """What the administrator sets in OpsHub."""
    login: list[LoginStep] = Field(default_factory=list)
    credential: dict[HeaderName, Text] = Field(default_factory=dict)
    """What a login leaves behind, by the names that it has in the logout."""
    addresses: dict[CaptureName, Text] = Field(default_factory=dict)
    """Addresses that the login's answers name, where it is used and ended. `base_url` takes the place of the configured one."""
    returned: dict[HeaderName, Text] = Field(default_factory=dict)
    """Further headers that OpsHub gets back: nothing secret."""
    http: Headed | None = None
    """What carries the login in the requests of the author's own handlers."""
    refresh: list[LoginStep] = Field(default_factory=list)
    """Renews a login: what it captures takes the place of what the login has captured under the same names."""
    expires_in: Annotated[Text | None, BeforeValidator(_written)] = None
    """Seconds after which a login expires that is not renewed: a number, or what the login and the refresh capture."""
    connection: Literal["kept"] | None = None
    """`kept`: all requests of one login, of one logout, or of one call of an author's handler go over one connection."""
    shared: bool = False
    """Whether the end system gives one user one login for all sessions, so that ending the first session ends the others."""
    steps: list[LogoutStep]
    verify: Annotated[list[Verify], BeforeValidator(_several)] = Field(default_factory=list)
    """The probes: one table, or several."""

    @property
    def leavings(self) -> Sequence[tuple[str, Template]]:
        """What a login leaves behind for later, by its dotted name."""
        return [
            *((f"credential.{name}", template) for name, template in self.credential.items()),
            *((f"addresses.{name}", template) for name, template in self.addresses.items()),
        ]

    @cached_property
    def login_requests(self) -> Sequence[tuple[str, LoginStep]]:
        """The requests of a login by their dotted names."""
        return [(f"login[{place}]", step) for place, step in enumerate(self.login)]

    @cached_property
    def refresh_requests(self) -> Sequence[tuple[str, LoginStep]]:
        """The requests that renew a login, by their dotted names."""
        return [(f"refresh[{place}]", step) for place, step in enumerate(self.refresh)]

    @property
    def settings_that_begin_urls(self) -> set[str]:
        """The names of the settings that choose the host of a request."""
        firsts = [request.url.parts[0] for request in self.login]
        return {first.name for first in firsts if isinstance(first, Reference) and first.source is Source.SETTING}

    @cached_property
    def step_requests(self) -> Sequence[tuple[str, LogoutStep]]:
        """The steps of a logout by their dotted names."""
        return [(f"steps[{place}]", step) for place, step in enumerate(self.steps)]

    @cached_property
    def logout_requests(self) -> Sequence[tuple[str, Request]]:
        """The requests of a logout by their dotted names, the probes included."""
        return [*self.step_requests, *self.probes]

    @cached_property
    def probes(self) -> Sequence[tuple[str, Verify]]:
        """The probes by their dotted names."""
        single = len(self.verify) == 1
        return [("verify" if single else f"verify[{place}]", probe) for place, probe in enumerate(self.verify)]

    @property
    def requests(self) -> Sequence[tuple[str, Request]]:
        """Every request by its dotted name."""
        return [*self.login_requests, *self.refresh_requests, *self.logout_requests]

    @property
    def heads(self) -> Sequence[tuple[str, Headed]]:
        """Everything that may carry a login, by its dotted name: every request, and those of the author's handlers."""
        return [*self.requests, *([("http", self.http)] if self.http else [])]

    @property
    def uses_of_a_login(self) -> Sequence[tuple[str, Headed]]:
        """What is sent once there is a login, by its dotted name."""
        return [*self.logout_requests, *self.refresh_requests, *([("http", self.http)] if self.http else [])]

    def uses_what_the_logout_does(self, *heads: Headed) -> bool:
        """Tell whether these carry each part of the credential that the logout uses, so that their success proves all of it."""
        carried = {name.lower() for head in heads for name in head.names(Source.CREDENTIAL)}
        return all(name.lower() in carried for step in self.steps for name in step.names(Source.CREDENTIAL))

    @property
    def opens_sessions(self) -> bool:
        """Whether it makes credentials of settings, so that sessions begin here."""
        return bool(self.login or self.credential)
