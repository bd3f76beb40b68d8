"""The cookies of a credential that answers to an author's requests may renew."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from connector.endsystems.http.cookies import split
from connector.endsystems.profile.filters import Filter
from connector.endsystems.profile.request import Headed
from connector.endsystems.profile.template import Reference, Source
from connector.model.credential import Credential

PICKED = frozenset([Filter.COOKIE, Filter.COOKIES])
"""What takes cookies out of a whole header."""


@dataclass(frozen=True, slots=True)
class KeptCookies:
    """Where a credential holds the cookies that `[http]` carries."""

    headers: Collection[str]
    """Values of the credential that are whole `Cookie` headers."""
    single: Mapping[str, str]
    """Value of the credential that is a single cookie, by the cookie's name."""

    @classmethod
    def of(cls, head: Headed) -> "KeptCookies":
        """Find them in what carries a login: what goes out as a cookie may come back as one."""
        whole, single = set[str](), dict[str, str]()
        for name, template in [*head.cookies.items(), *((None, value) for key, value in head.headers.items() if is_cookie(key))]:
            match template.parts:
                case (Reference(source=Source.CREDENTIAL) as reference,):
                    if name is None or any(applied.filter in PICKED for applied in reference.filters):
                        whole.add(reference.name)
                    else:
                        single[name] = reference.name
        return cls(whole, single)

    def put_into(self, credential: Credential, cookies: Iterable[tuple[str, str]]) -> Credential:
        """Return the credential with these cookies, of those that it has.

        A success that brings them shows that the login works, so that they are as proved as the older ones.
        """
        values = self.renewed(credential, cookies)
        renewed = credential.with_values(values) if values else credential
        return renewed.as_proved() if credential.proved else renewed

    def renewed(self, credential: Credential, cookies: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return the values of the credential that these cookies change. Only those that the credential has count."""
        new = {name: value for name, value in cookies if value}
        values = {entry: new[name] for name, entry in self.single.items() if name in new and entry in credential}
        for entry in self.headers:
            pairs = [*split(credential.get(entry, ""))]
            if any(new.get(name, value) != value for name, value in pairs):
                values[entry] = "; ".join(f"{name}={new.get(name, value)}" for name, value in pairs)
        return {entry: value for entry, value in values.items() if credential.get(entry) != value}


def is_cookie(header: str) -> bool:
    """Tell whether a header is the one of the cookies."""
    return header.lower() == "cookie"
