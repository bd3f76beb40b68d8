"""Who asks for a page, and whether his own page has sent him: proxies, cookies, and tokens against cross-site requests."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from connector.api.actors import ACTOR
from connector.api.callers import SEC_FETCH_SITE, no_web_pages
from connector.api.http_errors import ApiError, not_found
from connector.console.entrances import BEARER, Entrances, Login
from connector.console.forms import FORM, form_of
from connector.console.pages import LOGIN
from connector.model.addresses import Network, canonical_host, is_in, unmapped
from connector.model.audit import Actor

OPEN_TO_ALL = frozenset(["/", "/login", "/static/{name}"])
"""What needs no login."""
API = "/api/"
"""Where scripts call, which have no cookie."""
LONGEST_NAME = 200
"""Characters of the name of a user."""
FORWARDED_PROTO = "X-Forwarded-Proto"
SHOWN_BY_PROXY = "X-Console-Token"
"""In which a proxy shows the console's token. Its address alone does not tell it from the other users of its machine."""


NOT_PROVED = f"A user is named, but {SHOWN_BY_PROXY} does not hold the console's token. Let the proxy send it, and nobody else."


def _is_from_here(request: web.Request) -> bool:
    """Tell whether this machine has made the connection, by whichever of its addresses."""
    if (transport := request.transport) is None:
        return True
    peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return bool(peer[0] == own[0])


def cookie_of(place: str) -> str:
    """Return the name of a login's cookie. It is as hard to guess as its place, so that no other server can set one before it."""
    return f"console-{place}"


@dataclass(frozen=True, slots=True)
class Visitors:
    """Tells who asks."""

    entrances: Entrances
    user_header: str | None
    trusted: Sequence[Network]
    """The proxies that are believed."""
    proxies_have_certificates: bool
    """Whether nobody connects without a certificate, so that the token need not be shown."""
    names: frozenset[str]
    """By which a browser may know the console, although a proxy calls it by another name."""

    def named_by_proxy(self, request: web.Request) -> str | None:
        """Return the user whom a trusted proxy names; None if there is no such proxy.

        Raises:
            ApiError: the proxy names nobody, or several, or does not prove that it is the proxy.
        """
        if self.user_header is None or not self.is_trusted_proxy(request):
            return None
        named = request.headers.getall(self.user_header, [])
        if not self._is_proved(request):
            if named:
                raise ApiError(HTTPStatus.FORBIDDEN, "not_the_proxy", NOT_PROVED)
            return None
        if len(named) != 1 or not 0 < len(named[0]) <= LONGEST_NAME or not named[0].isprintable():
            raise ApiError(HTTPStatus.FORBIDDEN, "no_user", "The proxy does not name exactly one user. Log in there.")
        return named[0]

    def _is_proved(self, request: web.Request) -> bool:
        """Tell whether the proxy itself has connected. Without a token and certificates, only another machine may be one."""
        if self.proxies_have_certificates:
            return True
        if self.entrances.token is not None:
            return self.entrances.is_token(request.headers.get(SHOWN_BY_PROXY, ""))
        return not _is_from_here(request)

    def is_trusted_proxy(self, request: web.Request) -> bool:
        """Tell whether a proxy has made the connection that is believed."""
        try:
            peer = unmapped(ip_address((request.remote or "").partition("%")[0]))
        except ValueError:
            return False
        return is_in(peer, self.trusted)

    def is_over_tls(self, request: web.Request) -> bool:
        """Tell whether the browser has come over HTTPS, here or to the proxy."""
        by_proxy = self.is_trusted_proxy(request) and request.headers.get(FORWARDED_PROTO, "").lower() == "https"
        return request.secure or by_proxy

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody ask for what is behind a login without one, and let no other web page send anybody.

        Raises:
            ApiError: 401 without a login, 403 if another page asks, or a page of an earlier login does.
        """
        resource = request.match_info.route.resource
        canonical = "" if resource is None else resource.canonical
        if canonical.startswith(API):
            request[ACTOR] = self._script(request)
            return await handler(request)
        self._refuse_other_pages(request)
        login = None
        if place := request.match_info.get("place"):
            login = request[LOGIN] = self._login_at(request, place)
        elif canonical and canonical not in OPEN_TO_ALL:  # so that no page is shown because somebody forgot to ask for its login
            raise not_found()
        if request.method == hdrs.METH_POST:
            form = request[FORM] = await form_of(request)
            if login is not None and not hmac.compare_digest(form.get("csrf", "").encode(), login.csrf.encode()):
                raise ApiError(
                    HTTPStatus.FORBIDDEN, "stale_page", "This page is out of date, and nothing was done. Load it again."
                )
        return await handler(request)

    def _script(self, request: web.Request) -> Actor:
        """Return which script calls: one that shows the token, or whose user a proxy names. No web page may."""
        if no_web_pages(request) is not None:
            raise ApiError(HTTPStatus.FORBIDDEN, "other_page", "A web page has sent this request. Nothing was done.")
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        user = self.named_by_proxy(request)
        if user is None and scheme.lower() == "bearer" and self.entrances.is_token(token.strip()):
            user = BEARER
        if user is None:
            message = "Send the console's token: Authorization: Bearer TOKEN."
            raise ApiError(HTTPStatus.UNAUTHORIZED, "no_token", message, headers={hdrs.WWW_AUTHENTICATE: "Bearer"})
        return Actor(user, f"console {request.remote}")

    def _login_at(self, request: web.Request, place: str) -> Login:
        login = self.entrances.login_at(place, request.cookies.get(cookie_of(place), ""))
        user = self.named_by_proxy(request)
        if login is None or (user is None and login.by_proxy) or (user is not None and user != login.user):
            raise ApiError(HTTPStatus.UNAUTHORIZED, "no_login", "You are not logged in, or your login has ended.")
        return login

    def _refuse_other_pages(self, request: web.Request) -> None:
        """Refuse what another web page makes a browser send. To follow a link to the first page is all that it may do."""
        site = request.headers.get(SEC_FETCH_SITE)
        follows_link = request.method == hdrs.METH_GET and request.path == "/"
        posts = request.method == hdrs.METH_POST
        is_own = site in {None, "same-origin"} or (site == "none" and not posts)
        if not (is_own or follows_link) or (posts and not self._is_from_own_page(request)):
            raise ApiError(HTTPStatus.FORBIDDEN, "other_page", "Another web page has sent this request. Nothing was done.")

    def _is_from_own_page(self, request: web.Request) -> bool:
        scheme, _, authority = request.headers.get(hdrs.ORIGIN, "").lower().partition("://")
        if scheme not in {"http", "https"} or not (host := canonical_host(authority)):
            return False
        return authority == request.host.lower() or host in self.names
