"""The place of an end system: its address, the client that reaches it, and the values that requests need."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

from connector.endsystems.end_system import LONGEST_LOGIN
from connector.endsystems.http.guard import UrlPrefix, url_prefix
from connector.endsystems.http.guarded_client import GuardedClient
from connector.endsystems.profile.sender import Sender
from connector.endsystems.profile.template import Reference, Source, Template
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.runtime.deadline import Patience

ANSWERS = LONGEST_LOGIN - 2
"""The answers of a login are read this many times as long as its caller waits, because an unread answer may be a login that
nobody ends. The rest of `LONGEST_LOGIN` is for undoing a login that fails half-way."""
BASE_URL = "end_system.base_url: "
"""Begins what is wrong with it."""
LEFT_BASE_URL = ":base_url"
"""The name under which a login leaves a base URL that its settings made, or that its answer named. No header has this name."""


@dataclass(frozen=True, repr=False)
class Site:
    """One end system, or several of one kind; then the settings or the credential choose."""

    client: GuardedClient
    base_url: Template | None
    allowed: Sequence[UrlPrefix]
    environ: Mapping[str, str]
    deadline: float
    """Seconds that one logout may take, and that the caller of a login waits."""
    is_named_by_login: bool = False
    """Whether a login's answer names the base URL for what follows it."""
    keeps_connection: bool = False
    """Whether all requests of a run go over one connection."""

    @cached_property
    def is_chosen_by_settings(self) -> bool:
        """Whether only the login knows the base URL, and has to leave it behind."""
        return not self.is_named_by_login and self.base_url is not None and bool(self.base_url.names(Source.SETTING))

    @cached_property
    def fixed_base_url(self) -> str | None:
        """The base URL, None if a session may choose a part of it. Raises `CannotSend`."""
        is_fixed = self.base_url is not None and not [*self.base_url.references]
        return _located(Values(Credential(), self.environ), self.base_url).base_url if is_fixed else None

    @property
    def is_chosen_by_callers(self) -> bool:
        """Whether OpsHub's requests bring the base URL along, or a part of it."""
        return self.base_url is not None and bool(self.base_url.names(Source.CREDENTIAL))

    @cached_property
    def base_url_of_logins(self) -> Template | None:
        """The base URL, made of what a login left behind."""
        is_left = self.is_named_by_login or self.is_chosen_by_settings
        return Template("", (Reference(Source.CREDENTIAL, LEFT_BASE_URL),)) if is_left else self.base_url

    @property
    def somewhere(self) -> str:
        """An address that is allowed, to stand for one that is not known yet."""
        return str(self.allowed[0]) if self.allowed else ""

    def until(self) -> float:
        """Return when the time is over that begins now, on the loop's clock."""
        return asyncio.get_running_loop().time() + self.deadline

    def run(self) -> AbstractAsyncContextManager["Site"]:
        """Return a context with the site for the requests of one login, logout or refresh, the probes included."""
        return self._over_one_connection() if self.keeps_connection else nullcontext(self)

    @asynccontextmanager
    async def _over_one_connection(self) -> AsyncIterator["Site"]:
        async with self.client.for_run() as client:
            yield replace(self, client=client)

    def sender(self, until: float | None = None) -> Sender:
        """Return what sends the requests of one logout, whose time begins now unless it is given."""
        return Sender(self.client, self.allowed, self.until() if until is None else until)

    def patient_sender(self) -> Sender:
        """Return what sends the requests of one login, and reads their answers long after its caller was answered."""
        return Sender(self.client, self.allowed, Patience(ANSWERS * self.deadline))

    def before_login(self, settings: Mapping[str, str]) -> Values:
        """Return what is known before a login. Raises `CannotSend`."""
        if self.fixed_base_url is not None:
            return Values(Credential(), self.environ, self.fixed_base_url, settings=settings)
        return _located(Values(Credential(), self.environ, settings=settings), self.base_url)

    def faults_of(self, settings: Mapping[str, str]) -> Iterator[str]:
        """Yield what is wrong with the base URL that settings choose, beginning with their names."""
        try:
            self.before_login(settings)
        except CannotSend as problem:
            names = self.base_url.names(Source.SETTING) if self.base_url else set()
            yield f"{', '.join(sorted(names))}: {problem.message.removeprefix(BASE_URL)}"

    def before_some_login(self, addresses: Collection[str]) -> Values:
        """Return what is known before any login. The settings of these names, and what else is not known, are `somewhere`."""
        address = self.somewhere if self.fixed_base_url is None else self.fixed_base_url
        return Values(Credential(), self.environ, address, settings=dict.fromkeys(addresses, self.somewhere))

    def chosen(self, values: Values) -> Mapping[str, str]:
        """Return the address that settings have chosen, for the login to leave behind: nobody else knows it."""
        return {LEFT_BASE_URL: values.base_url} if self.is_chosen_by_settings else {}

    def after_login(self, credential: Credential) -> Values:
        """Return what is known of a login. Raises `CannotSend`."""
        if self.fixed_base_url is not None and self.base_url_of_logins is self.base_url:
            return Values(credential, self.environ, self.fixed_base_url)
        return _located(Values(credential, self.environ), self.base_url_of_logins)


def _located(values: Values, base_url: Template | None) -> Values:
    """Return what is known before the first answer, with the address. Raises `CannotSend`."""
    if base_url is None:
        return values
    # A session may choose the address, so it is checked each time, as the configured one was.
    address = base_url.render(values.of)
    try:
        url_prefix(address)
    except ValueError as problem:
        raise CannotSend("target_not_allowed", f"{BASE_URL}{problem}") from None
    return Values(values.credential, values.environ, address, settings=values.settings, made=values.made)
