"""The place where a profile ends a login. A debt is bound to it, so that no credential goes to another end system."""

from collections.abc import Iterator, Mapping

from yarl import URL

from connector.endsystems.end_system import name_of_place
from connector.endsystems.http.site import Site
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.request import Request
from connector.endsystems.profile.template import Reference, Source
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential


class Origins:
    """The names of a login's addresses: those of its logout and, if handlers use it, the base URL.

    A configured address is named with its path, because a path may tell one end system from another (the realms of one
    Keycloak). If a session chooses a part of it, only scheme, host and port are named: the rest may hold a secret.
    """

    def __init__(self, profile: Profile, site: Site) -> None:
        self._site = site
        self._addresses = [*dict.fromkeys(_addresses(profile, site))]
        # Usually nothing depends on the session, and the name is made once.
        fixed = [address for address in self._addresses if isinstance(address, str)]
        self._fixed = _named(fixed) if len(fixed) == len(self._addresses) else None

    def of(self, credential: Credential) -> str:
        """Return the name; empty if the credential lacks a part of an address."""
        if self._fixed is not None:
            return self._fixed
        try:
            values = self._site.after_login(credential)
            return _named([each if isinstance(each, str) else _origin(values.of(each)) for each in self._addresses])
        except CannotSend:
            return ""

    def to_come(self, settings: Mapping[str, str]) -> str:
        """Return the name of the base URL that a login with these settings begins at; empty if they lack a part of it."""
        try:
            base_url = self._site.before_login(settings).base_url
        except CannotSend:
            return ""
        return _named([_origin(base_url)]) if base_url else ""


def _addresses(profile: Profile, site: Site) -> Iterator[str | Reference]:
    """Yield each configured address, and a reference to each that a session chooses a part of."""
    for _, head in profile.uses_of_a_login:
        first = head.url.parts[0] if isinstance(head, Request) else Reference(Source.BASE_URL)
        match first:
            case Reference(source=Source.ADDRESS) as named:
                yield named
            case Reference(source=Source.BASE_URL) as base:
                address = site.base_url_of_logins
                if address is not None:
                    yield base if [*address.references] else _tidy(address.render(str))
            case Reference(name=variable):
                yield _tidy(site.environ[variable])
            case literal:
                yield _origin(str(literal))


def _tidy(address: str) -> str:
    return _origin(address) + URL(address, encoded=True).raw_path.rstrip("/")


def _origin(address: str) -> str:
    return str(URL(address).origin())


def _named(addresses: list[str]) -> str:
    return name_of_place(" ".join(dict.fromkeys(addresses)))
