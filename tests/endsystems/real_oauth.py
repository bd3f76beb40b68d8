"""Real OAuth 2.0 servers, which nobody here wrote, and what a client of theirs can do: log in, use the login, see it refused."""

import base64
import hashlib
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from urllib.parse import quote_plus

import aiohttp

from tests.endsystems.real_process import serving

CLIENT_ID = "opshub-connector"
CLIENT_SECRET = "secret of the connector, not of a user: 100% / &?"
"""Holds characters that have to be encoded on their way."""
OIDC_FOLDER = Path(__file__).parent / "oidc"


@dataclass(frozen=True, slots=True)
class OAuthServer(ABC):
    """A running server. Its tokens are opaque: only the server itself can say whether one is alive."""

    base_url: str

    revocation_path: ClassVar[str]
    resource_path: ClassVar[str]
    """A resource that a live access token may read."""

    @abstractmethod
    async def log_in(self) -> str:
        """Return the access token of a new login, obtained as any client obtains it."""

    async def accepts(self, token: str) -> bool:
        """Use the token: say whether the resource was handed out. Raises if the answer is neither that nor a refusal."""
        async with (
            browser(self.base_url) as http,
            http.get(self.resource_path, headers={"Authorization": f"Bearer {token}"}) as answer,
        ):
            match answer.status:
                case HTTPStatus.OK:
                    return True
                case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                    return False
        raise RuntimeError(f"{self.resource_path} answered {answer.status}")

    async def _token(self, http: aiohttp.ClientSession, path: str, **form: str) -> str:
        encoded = aiohttp.encode_basic_auth(quote_plus(CLIENT_ID), quote_plus(CLIENT_SECRET))  # both encoded: RFC 6749, 2.3.1
        headers = {"Authorization": encoded}
        async with http.post(path, data=form, headers=headers, raise_for_status=True) as answer:
            return str((await answer.json())["access_token"])


class OidcProvider(OAuthServer):
    """The npm package `oidc-provider`. A login is a user's: authorization code with PKCE, as a browser does it."""

    revocation_path = "/token/revocation"
    resource_path = "/me"

    async def log_in(self, user: str = "alice") -> str:
        verifier = secrets.token_urlsafe(48)
        callback = f"{self.base_url}/callback"
        async with browser(self.base_url) as http:
            async with http.get("/auth", params=_authorization(callback, verifier, user)) as answer:
                code = answer.url.query["code"]
            form = {"code": code, "redirect_uri": callback, "code_verifier": verifier}
            return await self._token(http, "/token", grant_type="authorization_code", **form)

    async def revocations(self) -> int:
        """How many revocations it was ever asked for."""
        async with browser(self.base_url) as http, http.get("/revocations") as answer:
            return int((await answer.json())["count"])


class DjangoOAuthToolkit(OAuthServer):
    """The PyPI package `django-oauth-toolkit`. A login is the client's own."""

    revocation_path = "/o/revoke_token/"
    resource_path = "/whoami"

    async def log_in(self) -> str:
        async with browser(self.base_url) as http:
            return await self._token(http, "/o/token/", grant_type="client_credentials")


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """Run an oidc-provider of one's own. Needs Node.js and `python -m tests.provision`."""
    with serving("node", "server.mjs", CLIENT_ID, CLIENT_SECRET, folder=OIDC_FOLDER) as base_url:
        yield OidcProvider(base_url)


@contextmanager
def django_oauth_toolkit() -> Iterator[DjangoOAuthToolkit]:
    """Run a Django site with django-oauth-toolkit of one's own, with a new database."""
    server = (sys.executable, "-m", "tests.endsystems.django_oauth.server")
    with TemporaryDirectory() as folder, serving(*server, CLIENT_ID, CLIENT_SECRET, folder) as base_url:
        yield DjangoOAuthToolkit(base_url)


def browser(base_url: str) -> aiohttp.ClientSession:
    """A client that follows redirects and keeps cookies, also those of an address without a name."""
    return aiohttp.ClientSession(base_url, cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(30))


def _authorization(callback: str, verifier: str, user: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": callback,
        "login_hint": user,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
