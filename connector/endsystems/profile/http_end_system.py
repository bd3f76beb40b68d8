"""An end system that a profile describes."""

from collections.abc import AsyncIterator, Callable, Mapping

from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.endsystems.http.authors_client import AuthorsClient
from connector.endsystems.http.client_at_need import MakesClients
from connector.endsystems.http.site import Site
from connector.endsystems.profile.carried_login import CarriedLogin
from connector.endsystems.profile.half_made import HalfMade
from connector.endsystems.profile.login import HttpLogin
from connector.endsystems.profile.logout import HttpLogout
from connector.endsystems.profile.named_addresses import name_left
from connector.endsystems.profile.origins import Origins
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.record import StepRecord
from connector.endsystems.profile.refreshing import HttpRefresh
from connector.endsystems.profile.setting import effective, faults
from connector.endsystems.profile.template import Source
from connector.endsystems.profile.to_come import is_captured
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential
from connector.model.errors import LoginNotCarried
from connector.model.outcomes import LoginResult, LogoutOutcome


class HttpEndSystem(MakesClients):
    """Logs in and out by sending the requests of a profile."""

    def __init__(self, profile: Profile, site: Site) -> None:
        self.profile = profile
        self.guarded = site.client
        self.needed_headers = frozenset(_headers(profile, site))
        self.opens_sessions = profile.opens_sessions
        self.ends_sessions = bool(profile.steps)
        self.shares_logins = profile.shared
        self._site = site
        self._origins = Origins(profile, site)
        self._logout = HttpLogout(profile, site)
        self._login = HttpLogin(profile, site, self._logout, HalfMade(profile, site, self._logout))
        self._is_proved_by_use = profile.http is not None and profile.uses_what_the_logout_does(profile.http)

    def rehearse(self) -> None:
        """Make every request of values that may come, without sending it. Raises `CannotSend` if each login would fail."""
        addresses = self.profile.settings_that_begin_urls
        if self.opens_sessions:
            values = self._site.before_some_login(addresses)
            self._login.rehearsed(
                values, lambda leaf: is_captured(leaf) or (leaf.source is Source.SETTING and leaf.name not in addresses)
            )
        elif not self._site.is_chosen_by_callers:
            self._logout.rehearsed(Credential(), lambda leaf: leaf.source in {Source.CAPTURED, Source.CREDENTIAL})

    async def open(self) -> None:
        """Open the client. Connections are made as they are needed."""
        await self._site.client.open()

    async def aclose(self) -> None:
        """Close the client, and the connections of running requests with it."""
        await self._site.client.aclose()

    def origin(self, session: SessionLogin) -> str:
        """Return the addresses where the session is used and ended; empty if it lacks a part of them."""
        return self._origins.of(session.credential)

    def origin_to_come(self, session: SessionLogin, settings: Mapping[str, str]) -> str:
        """Return the addresses where a login will be used and ended, or where it will be made if its settings choose that."""
        return self.origin(session) or self._origins.to_come(effective(self.profile.settings, settings))

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Check the settings that the profile declares. OpsHub's own settings, and all others, are ignored."""
        declared = self.profile.settings
        return [*faults(declared, settings, self._site.allowed)] or [*self._site.faults_of(effective(declared, settings))]

    def settings_for_handlers(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Return those that the profile declares and does not call secret, with their defaults."""
        return effective({name: each for name, each in self.profile.settings.items() if not each.secret}, settings)

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Run the profile's login to its end, even long after its caller was answered. A half-made login is logged out."""
        del session_id
        return await self.log_in(settings)

    async def log_in(self, settings: Mapping[str, str], note: Callable[[StepRecord], None] = lambda _: None) -> LoginOutcome:
        """Run the profile's login to its end; `note` is told of each request."""
        if not self.opens_sessions:
            return LoginOutcome(LoginResult.NOT_APPLICABLE)
        return await self._login.run(settings, note)

    async def renew(self, credential: Credential, note: Callable[[StepRecord], None]) -> LoginOutcome:
        """Renew a login once, and prove what is new; `note` is told of each request."""
        async with self._site.run() as site:
            renewed = await HttpRefresh(self.profile, self._site).tried(site.patient_sender(), credential, note)
            if renewed.result is not LoginResult.LOGGED_IN:
                return renewed
            return await self._login.proved(renewed, site.sender(), note)

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """Run the profile's logout, at most for the total deadline, and return the outcome."""
        return await self._logout.end(session.credential)

    def run(self, session: SessionLogin) -> AsyncIterator[StepRecord]:
        """Log out, and yield a record of each request; `conclude` makes the outcome of them."""
        return self._logout.run(session.credential)

    def client(self, session: SessionLogin) -> AuthorsClient:
        """Make a client that carries the login as the profile's `[http]` says. Relative URLs begin at the base URL."""
        if self.profile.http is None:
            raise LoginNotCarried("profile.http: is missing; it says which headers carry the login")
        try:
            base_url = self._site.after_login(session.credential).base_url
            login = CarriedLogin(session, self.profile, self.profile.http, self._site)
        except CannotSend as problem:
            raise LoginNotCarried(problem.message) from None
        accepted = session.accepted if self._is_proved_by_use else None
        return self.guarded.http(login.carry, base_url=base_url, accepted=accepted, connection=self.profile.connection)


def _headers(profile: Profile, site: Site) -> set[str]:
    """Return the names of everything that a login leaves behind and that is used later."""
    named = {name for _, head in profile.uses_of_a_login for name in head.names(Source.CREDENTIAL)}
    named |= {name_left(name) for name in profile.addresses}
    return named | (site.base_url_of_logins.names(Source.CREDENTIAL) if site.base_url_of_logins else set())
