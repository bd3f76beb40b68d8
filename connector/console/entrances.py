"""Who gets into the console: by a code that works once, by the token, and from then on by the cookie of a login."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

CODE_LASTS = 120.0
"""Seconds in which a code has to be used."""
LOGIN_LASTS = 28_800.0
"""Seconds after which somebody has to log in again: eight hours."""
MOST = 64
"""Codes that are not used yet, and logins. Beyond that, the oldest makes room."""
BEARER = "holder of the token"
"""The name of whoever has shown the token."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who is in, in one browser."""

    place: str
    """Begins the path of all of his pages. His cookie is sent only there, so no other server of this machine sees it."""
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    """Stands in the forms of his pages. No other web page knows it."""
    user: str
    by_proxy: bool
    """Whether a proxy has named him, and names him again with each request."""
    ends: float


@dataclass(slots=True)
class Entrances:
    """Gives codes and logins out, and knows them again. Both are in memory only: a restart ends them."""

    token: str | None = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    _codes: dict[bytes, tuple[str, float]] = field(default_factory=dict, init=False)
    """Who a code is for and until when it lasts, by its digest: what is looked up tells nothing by how long that takes."""
    _logins: dict[str, Login] = field(default_factory=dict, init=False)

    def take(self, token: str | None) -> None:
        """Let in by another token from now on. Whoever has shown the one before has to show this one."""
        if token != self.token:
            self.token = token
            self._logins = {place: login for place, login in self._logins.items() if login.user != BEARER}

    def new_code(self, user: str) -> str:
        """Return a code that lets this user in, once, within `CODE_LASTS` seconds."""
        _make_room(self._codes)
        code = token_urlsafe(32)
        self._codes[_digest(code)] = user, self.clock() + CODE_LASTS
        return code

    def user_by(self, secret: str) -> str | None:
        """Return who a code or the token lets in; None if it is neither. A code is used up by that."""
        user, ends = self._codes.pop(_digest(secret), ("", 0.0))
        if ends > self.clock():
            return user
        return BEARER if self.is_token(secret) else None

    def is_token(self, secret: str) -> bool:
        """Tell whether this is the token."""
        return self.token is not None and hmac.compare_digest(_digest(secret), _digest(self.token))

    def let_in(self, user: str, *, by_proxy: bool = False) -> Login:
        """Begin a login. Whom a proxy names has one for all of his browsers, so that links cannot crowd others out."""
        if by_proxy and (known := self._by_proxy(user)):
            return known
        _make_room(self._logins)
        login = Login(token_urlsafe(16), token_urlsafe(32), token_urlsafe(32), user, by_proxy, self.clock() + LOGIN_LASTS)
        self._logins[login.place] = login
        return login

    def login_at(self, place: str, cookie: str) -> Login | None:
        """Return the login of this place, if this is its cookie."""
        login = self._logins.get(place)
        if login is None or not hmac.compare_digest(_digest(cookie), _digest(login.cookie)):
            return None
        return login if self.is_in(login) else None

    def _by_proxy(self, user: str) -> Login | None:
        now = self.clock()
        return next((each for each in self._logins.values() if each.by_proxy and each.user == user and each.ends > now), None)

    def is_in(self, login: Login) -> bool:
        """Tell whether a login still lasts."""
        return self._logins.get(login.place) is login and login.ends > self.clock()

    def let_out(self, login: Login) -> None:
        """End a login."""
        self._logins.pop(login.place, None)


def _make_room(given: dict[K, V]) -> None:
    while len(given) >= MOST:
        del given[next(iter(given))]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
