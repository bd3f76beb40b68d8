"""An end system that wants every request signed, as OAuth 1.0a describes it (RFC 5849). Other HMAC signatures are alike."""

import base64
import hmac
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from secrets import token_hex
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr
from yarl import URL

from connector import (
    Credential,
    EndSystem,
    EndSystemSettings,
    LoginOutcome,
    LoginResult,
    LogoutOutcome,
    LogoutResult,
    SessionLogin,
)

TOKEN, TOKEN_SECRET = "X-Token", "X-Token-Secret"


class OAuth1Settings(EndSystemSettings):
    """What the end system knows this connector by."""

    consumer_key: str
    consumer_secret: SecretStr


class OAuth1(EndSystem):
    """Exchanges user and password for a token, and signs each request with it."""

    Settings = OAuth1Settings
    settings: OAuth1Settings
    needed_headers = (TOKEN, TOKEN_SECRET)

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Name what is missing."""
        return [f"{name}: is missing" for name in ("user", "password") if not settings.get(name)]

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        """Get a token. A 401 escapes, and is a refused login by that."""
        del session_id
        user = {"user": settings["user"], "password": settings["password"]}
        async with (
            self.guarded.http(self._signing(), for_login=True) as http,
            http.post("oauth/access_token", json=user) as answer,
        ):
            token = await answer.json()
        return LoginOutcome(LoginResult.LOGGED_IN, Credential([(TOKEN, token["token"]), (TOKEN_SECRET, token["secret"])]))

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Return a client that signs with the session's token."""
        signing = self._signing(session.credential[TOKEN], session.credential[TOKEN_SECRET])
        return self.guarded.http(signing, accepted=session.accepted)

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """Invalidate the token. What else goes wrong escapes, and is tried again or shown by that."""
        async with self.client(session) as http, http.post("oauth/invalidate_token") as answer:
            if answer.status == 401:
                return LogoutOutcome(LogoutResult.ALREADY_OUT)
            answer.raise_for_status()
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)

    def _signing(self, token: str = "", secret: str = "") -> aiohttp.ClientMiddlewareType:
        key = f"{encoded(self.settings.consumer_secret.get_secret_value())}&{encoded(secret)}"

        async def sign(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            known = {"oauth_consumer_key": self.settings.consumer_key} | ({"oauth_token": token} if token else {})
            request.headers["Authorization"] = authorization(request.method, request.url, known, key)
            return await handler(request)

        return sign


def authorization(method: str, url: URL, known: Mapping[str, str], key: str) -> str:
    """Return the header of one request. Its body is not signed, which OAuth asks for of forms alone."""
    parameters = {
        **known,
        "oauth_nonce": token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        "oauth_version": "1.0",
    }
    pairs = sorted((encoded(name), encoded(value)) for name, value in [*url.query.items(), *parameters.items()])
    address = f"{url.scheme}://{url.raw_authority}{url.raw_path}"
    text = "&".join(map(encoded, (method, address, "&".join(f"{name}={value}" for name, value in pairs))))
    parameters["oauth_signature"] = base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256")).decode()
    return "OAuth " + ", ".join(f'{name}="{encoded(value)}"' for name, value in parameters.items())


def encoded(text: str) -> str:
    """Percent-encode all but letters, digits and `-._~`."""
    return quote(text, safe="")
