"""Real OAuth 2.0 servers. Their tokens are opaque: only the server itself can say whether one is alive."""

import base64
import hashlib
import secrets
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from urllib.parse import quote_plus

import aiohttp

from tests.endsystems.real_login import Login, RealEndSystem, browser
from tests.endsystems.real_process import serving

CLIENT_ID = "opshub-connector"
CLIENT_SECRET = "c0nnector+s3cret/with=signs"
"""Holds characters that random base64 does, and that have to be encoded on their way."""
CLIENT = {"Authorization": aiohttp.encode_basic_auth(quote_plus(CLIENT_ID), quote_plus(CLIENT_SECRET))}
"""Both encoded: RFC 6749, 2.3.1."""
OIDC_FOLDER = Path(__file__).parent / "oidc"


class OAuthServer(RealEndSystem):
    """A server of OAuth 2.0. The login is an access token."""

    resource_path: ClassVar[str]
    """A resource that a live access token may read."""

    @property
    def environment(self) -> Mapping[str, str]:
        client = {"CONNECTOR_CLIENT_ID": CLIENT_ID, "CONNECTOR_CLIENT_SECRET": CLIENT_SECRET}
        return client | {"CONNECTOR_PROBE_URL": self.root + self.resource_path}

    async def log_in(self) -> Login:
        async with browser(self.root) as http:
            token = await self._log_in(http)
        return Login({"Authorization": f"Bearer {token}"}, self.root + self.resource_path)

    @abstractmethod
    async def _log_in(self, http: aiohttp.ClientSession) -> str:
        """Return a new access token, obtained as any client obtains it."""

    async def _token(self, http: aiohttp.ClientSession, path: str, **form: str) -> str:
        async with http.post(path, data=form, headers=CLIENT, raise_for_status=True) as answer:
            return str((await answer.json())["access_token"])


class OidcProvider(OAuthServer):
    """The npm package `oidc-provider`. A login is a user's: authorization code with PKCE, as a browser does it."""

    profile = "oauth2-rfc7009-verified"
    logout_path = "/token/revocation"
    outcome = "verified"
    resource_path = "/me"

    async def _log_in(self, http: aiohttp.ClientSession) -> str:
        verifier = secrets.token_urlsafe(48)
        callback = f"{self.root}/callback"
        async with http.get("/auth", params=_authorization(callback, verifier)) as answer:
            code = answer.url.query["code"]
        form = {"code": code, "redirect_uri": callback, "code_verifier": verifier}
        return await self._token(http, "/token", grant_type="authorization_code", **form)

    async def is_active(self, token: str) -> bool:
        """Ask the server whether a token is alive (RFC 7662), for a client's own token may read no resource here."""
        url = f"{self.root}/token/introspection"
        async with browser() as http, http.post(url, data={"token": token}, headers=CLIENT, raise_for_status=True) as answer:
            return bool((await answer.json())["active"])

    async def revocations(self) -> int:
        """How many revocations it was ever asked for."""
        async with browser(self.root) as http, http.get("/revocations") as answer:
            return int((await answer.json())["count"])


class DjangoOAuthToolkit(OAuthServer):
    """The PyPI package `django-oauth-toolkit`. A login is the client's own."""

    profile = "oauth2-rfc7009"
    logout_path = "/o/revoke_token/"
    outcome = "acknowledged"
    resource_path = "/whoami"

    async def _log_in(self, http: aiohttp.ClientSession) -> str:
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


def _authorization(callback: str, verifier: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": callback,
        "login_hint": "alice",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
