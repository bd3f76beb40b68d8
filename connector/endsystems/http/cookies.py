"""Cookies as browsers have them: what answers set, replace and delete, and where it goes back to (RFC 6265)."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase

from yarl import URL

from connector.endsystems.http.response import Response
from connector.model.addresses import literal

SECONDS = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True, repr=False)
class Cookie:
    """One cookie that an answer sets or deletes. Its value is kept as it came, in quotes or not."""

    name: str
    value: str
    host: str
    """The host that has set it, or the domain that it is for. With a dot before it, it is for all hosts below it, too."""
    path: str
    is_secure: bool
    """Whether it must never go over a connection in clear, because it came over an encrypted one."""
    is_deleted: bool = False

    def goes_to(self, url: URL) -> bool:
        """Tell whether its host and its path lead to this URL."""
        path = self.path.rstrip("/")
        return _covers(self.host, url) and (url.raw_path == path or url.raw_path.startswith(f"{path}/"))


@dataclass(frozen=True, slots=True, repr=False)
class Jar:
    """The cookies that some answers leave, for the requests that follow."""

    cookies: Sequence[Cookie]
    following: Sequence[URL] = ()

    @classmethod
    def of(cls, answers: Iterable[Response], following: Sequence[URL] = ()) -> "Jar":
        """Take the cookies of these answers. A later one replaces an earlier one with its name, host and path, or deletes it."""
        kept: dict[tuple[str, str, str], Cookie] = {}
        now = datetime.now(UTC)
        for cookie in (cookie for answer in answers for cookie in cookies_of(answer, now)):
            kept[cookie.name, cookie.host, cookie.path] = cookie
        return cls([cookie for cookie in kept.values() if not cookie.is_deleted], following)

    def value(self, name: str) -> str | None:
        """Return the value of the cookie with this name; None if there is none.

        Of several with different hosts or paths, the one counts that goes to the most of the requests that follow. Among
        equals, the longest path counts, then the last cookie.
        """
        named = [cookie for cookie in self.cookies if cookie.name == name and self._may_go(cookie)]
        return max(reversed(named), key=self._rank).value if named else None

    def pairs(self, patterns: Collection[str]) -> str:
        """Return all whose name fits one of the patterns and that go to a request that follows, as a `Cookie` header has them."""
        going = (cookie for cookie in self.cookies if self._may_go(cookie) and (not self.following or self._rank(cookie)[0]))
        names = dict.fromkeys(cookie.name for cookie in going if fits(cookie.name, patterns))
        return "; ".join(f"{name}={self.value(name)}" for name in names)

    def _may_go(self, cookie: Cookie) -> bool:
        return not cookie.is_secure or all(url.scheme == "https" for url in self.following)

    def _rank(self, cookie: Cookie) -> tuple[int, int]:
        return sum(cookie.goes_to(url) for url in self.following), len(cookie.path)


def fits(name: str, patterns: Collection[str]) -> bool:
    """Tell whether a cookie's name fits one of the patterns, in which `*` stands for any characters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def split(header: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a `Cookie` header."""
    for pair in header.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals:
            yield name, value


def cookies_of(answer: Response, now: datetime) -> Iterator[Cookie]:
    """Yield what the answer sets and deletes, in its order. What has no name is ignored."""
    for line in answer.header_values("Set-Cookie"):
        pair, *attributes = line.split(";")
        name, _, value = (part.strip(" \t") for part in pair.partition("="))
        if name and "=" in pair:
            known = {key.strip(" \t").lower(): text.strip(" \t") for key, _, text in (each.partition("=") for each in attributes)}
            yield Cookie(
                name,
                value,
                host=_host(known.get("domain", ""), answer.url),
                path=known["path"] if known.get("path", "").startswith("/") else _default_path(answer.url),
                is_secure="secure" in known and answer.url is not None and answer.url.scheme == "https",
                is_deleted=_is_over(known, now),
            )


def _host(domain: str, url: URL | None) -> str:
    """Return whom a cookie is for. A domain that its own host does not belong to says nothing."""
    if url is None:
        return ""
    below = f".{domain.removeprefix('.').lower()}"
    return below if domain and literal(url.host or "") is None and _covers(below, url) else url.host or ""


def _covers(host: str, url: URL) -> bool:
    known = url.host or ""
    return known == host.removeprefix(".") or (host.startswith(".") and known.endswith(host))


def _default_path(url: URL | None) -> str:
    return (url.raw_path.rpartition("/")[0] if url else "") or "/"


def _is_over(attributes: dict[str, str], now: datetime) -> bool:
    """Tell whether the cookie's time has passed. `Max-Age` counts before `Expires`; what cannot be read is ignored."""
    if SECONDS.fullmatch(age := attributes.get("max-age", "")):
        return int(age) <= 0
    try:
        moment = parsedate_to_datetime(attributes.get("expires", ""))
    except (ValueError, OverflowError):
        return False
    return moment.replace(tzinfo=moment.tzinfo or UTC) <= now
