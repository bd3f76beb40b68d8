"""The contract of an end system: what the connector asks of it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import aiohttp
from pydantic import BaseModel, ConfigDict

from connector.model.credential import Credential
from connector.model.errors import LoginNotCarried
from connector.model.outcomes import LoginResult, LogoutOutcome

if TYPE_CHECKING:  # a server with nothing to log out of does without
    from connector.endsystems.http.guarded_client import GuardedClient

LONGEST_PLACE = 200
"""Characters of the name of a place where logins are ended."""
LONGEST_LOGIN = 10
"""A login may take this many times as long as its caller waits. Then it is cancelled, and an error is logged."""


Change = Callable[[Credential], Credential]
"""Makes the new credential out of the one that is current."""
Refresh = Callable[[Credential], Awaitable[Mapping[str, str] | None]]
"""Has the end system renew a credential. Returns the values that are new by their names, None if it made nothing. A `Credential`
says when it is stale. Raises `LoginNotRenewed` if another try may do better. After any other error, nobody knows what it made."""


class LoginInUse(Protocol):
    """A login while its session is in use. Its end system may renew the credential meanwhile."""

    @property
    def credential(self) -> Credential:
        """The newest one that is durable."""
        ...

    def settled(self) -> Awaitable[None]:
        """Wait until each renewal is durable: an end system may drop the old credential once the new one is used.

        Raises `LedgerUnavailable` if that is not done for now.
        """
        ...

    def sent(self) -> int:
        """Note that a request is sent now, and return its number: of two answers, that of the later request is the newer one."""
        ...

    def renew(self, change: Change, *, request: int | None = None) -> Awaitable[None]:
        """Change the credential durably, unless the answer to a later `request` has. Raises `LedgerUnavailable`."""
        ...

    def refresh(self, stale: Credential, make: Refresh) -> Awaitable[None]:
        """Renew a `stale` credential by `make`, once for all who wait, unless somebody has renewed it since."""
        ...


@dataclass(frozen=True, slots=True)
class SessionLogin:
    """A session as the end system knows it: its ids, and the credential that ends it."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    credential: Credential
    accepted: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """To be called when the end system has accepted the credential. Then its later `already_out` can be believed."""
    in_use: LoginInUse | None = field(default=None, repr=False, compare=False)
    """Its newest credential, and how to renew it, as long as its session is in use by a handler."""


@dataclass(frozen=True, slots=True)
class LoginOutcome:
    """What became of a login. `code` and `message` explain it to a person and never hold a secret."""

    result: LoginResult
    credential: Credential = field(default_factory=Credential)
    """What a later `logout` of this login needs, by the names that it has there. Sealed, so that OpsHub never sees it.

    If the login failed: what it had made by then, which still has to be logged out.
    """
    returned: Mapping[str, str] = field(default_factory=dict)
    """What else OpsHub sends back as headers of every later call: nothing secret."""
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    """Seconds to wait, if an unavailable end system asked for it. An hour at most is passed on."""
    may_be_made: bool = False
    """Of a login that failed without a credential: whether it may have been made all the same, as when no answer came.

    It counts as unknown then.
    """

    def __post_init__(self) -> None:
        if not isinstance(self.credential, Credential):
            raise TypeError(f"LoginOutcome.credential is {type(self.credential).__name__}; expected a connector.Credential")

    @property
    def has_made_something(self) -> bool:
        """Whether the login has left a credential, even if nothing can log it out."""
        return self.result is LoginResult.LOGGED_IN or bool(self.credential)


class EndSystemSettings(BaseModel):
    """Settings of an end system of your own (`[end_system.settings]`). Derive from this class to name them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EndSystem(ABC):
    """The tool whose sessions are ended. One instance serves all sessions, from any number of tasks at once.

    A class of your own is named by its dotted path and called with its checked `Settings`, also when the configuration is only
    checked. So its constructor touches nothing outside; `open` may.
    """

    Settings: ClassVar[type[EndSystemSettings]] = EndSystemSettings

    needed_headers: Collection[str] | None = None
    """The request headers that `logout` uses; None means any that is not the transport's own."""

    opens_sessions: bool = False
    """Whether logins are made here, as with a `login` of your own. A caller who brings nothing of one has none then."""

    ends_sessions: bool = True
    """False if there is never anything to log out of. `logout` is not called then."""

    guarded: "GuardedClient"
    """Reaches the end system with the guards of the configuration; there from `open` on. `guarded.http()` is aiohttp's client."""

    shares_logins: bool = False
    """True if one user gets one credential for all logins. Sessions with it share the login then: the last one ends it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Derived, not declared: an author who forgets the flag would leave logins that nobody ends.
        cls.opens_sessions = cls.login is not EndSystem.login

    def __init__(self, settings: EndSystemSettings) -> None:
        self.settings = settings

    async def open(self) -> None:
        """Make ready for use, inside the running event loop."""

    async def aclose(self) -> None:
        """Release everything. A second call does nothing."""

    def origin(self, session: SessionLogin) -> str:
        """Return the name of the place where this login is used and ended: at most 200 characters, no secret.

        A login is ended only while its name is the same as when it was made; otherwise its logout is held back. So include each
        setting that leads elsewhere, such as an address. Retries are limited for each place. The default is the class, and
        `end_system.base_url` if there is one.
        """
        del session
        base_url = self.guarded.base_url if hasattr(self, "guarded") else None
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return name_of_place(f"{name} at {base_url}" if base_url else name)

    def origin_to_come(self, session: SessionLogin, settings: Mapping[str, str]) -> str:
        """Return the name of the place where a login by these settings will be made, as far as it is known before.

        It is shown of a login that is under way, and each place has `end_system.seats` of its own. The session has an empty
        credential. The default is what `origin` says of it; empty if that needs a credential, and raises `LookupError`.
        """
        del settings
        try:
            return self.origin(session)
        except LookupError:
            return ""

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Return everything that is wrong with a system's settings in OpsHub, in words for an administrator.

        Each problem begins with the name of the setting. None repeats a value.
        """
        del settings
        return []

    def settings_for_handlers(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Return what a handler finds in `session.settings`: nothing secret, and little, because it travels in the seal.

        `settings` are those of the system in OpsHub. The default hands on none.
        """
        del settings
        return {}

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Log in with checked settings. A login that was made is in the outcome, even if something else went wrong.

        An expected failure is an outcome, not an exception. A class that has used the new credential, and saw that it works, may
        return it `as_proved()`: then a later `already_out` can be believed.

        It is not cancelled when its caller has gone or was answered, which is after `end_system.deadlines.total` and a second.
        What it returns later is logged out durably. It is cancelled after `LONGEST_LOGIN` times that long, and not earlier when
        the server ends. Time in which the process was stopped does not count. A cancelled login has a second to return its
        outcome, because nobody else knows what it has made.
        """
        del session_id, settings
        return LoginOutcome(LoginResult.NOT_APPLICABLE)

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Return a context with a client whose requests carry this login, and reach only the end system.

        Raises:
            LoginNotCarried: nothing says how the login is carried, or the credential lacks something for it.
        """
        del session
        raise LoginNotCarried(f"{type(self).__name__} makes no clients: its method `client` is missing")

    @abstractmethod
    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """End the login of `session.credential`, and only that one, and return the outcome.

        An expected failure (a timeout, an error status) is an outcome, not an exception. It may be called again for the same
        session, and must answer truthfully then. It is cancelled when the caller's deadline has passed.
        """


def name_of_place(text: str) -> str:
    """Return a name of at most `LONGEST_PLACE` characters: `text`, or its beginning and a digest of all of it.

    The name decides where a credential may be sent. So two long places must not get one name.
    """
    if len(text) <= LONGEST_PLACE:
        return text
    # Of the whole text, so that two long names with one beginning differ.
    digest = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{text[: LONGEST_PLACE - len(digest) - 1]}#{digest}"


def settings_of(implementation: type[EndSystem], values: dict[str, Any]) -> EndSystemSettings:
    """Check `values` against the implementation's own settings. Raises `pydantic.ValidationError`."""
    return implementation.Settings.model_validate(values)
