"""End systems for the four classes, over real HTTP: two use OAuthLib and pyspnego, one is Python's own XML-RPC server."""

import asyncio
import hashlib
import os
import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

import spnego
from aiohttp import web
from aiohttp.test_utils import TestServer
from oauthlib.oauth1.rfc5849.signature import collect_parameters, verify_hmac_sha256

USER, PASSWORD = "opshub", "correct horse"
CONSUMER, CONSUMER_SECRET = "connector", "c0nsumer&secret"
REALM = "desk"
NTLM = "NTLM "
DIRECTIVE = re.compile(r'(\w+)="?([^",]+)"?')


@dataclass(slots=True)
class System:
    """An end system as a test sees it: by its address and its sessions."""

    url: str = ""
    alive: dict[str, str] = field(default_factory=dict)
    """Id or token of each session, and its secret if it has one."""
    connections: Counter[asyncio.BaseTransport | None] = field(default_factory=Counter)
    """How many requests came over each, if it counts them."""
    hangs_up_after: int | None = None
    """Requests of one connection that are answered, if it counts them."""


@asynccontextmanager
async def signing_system() -> AsyncIterator[System]:
    """An end system that wants each request signed."""
    system, seen = System(), set[str]()

    def signer(request: web.Request) -> str:
        """Return the token that a request is signed with, empty if with none."""
        found = collect_parameters(headers=dict(request.headers), exclude_oauth_signature=False, with_realm=False)
        given: dict[str, str] = dict(found)
        signature, token, nonce = given.pop("oauth_signature", ""), given.get("oauth_token", ""), given["oauth_nonce"]
        signed = SimpleNamespace(
            params=[*given.items(), *request.query.items()],
            uri=str(request.url.with_query(None)),
            http_method=request.method,
            signature=signature,
        )
        known = given["oauth_consumer_key"] == CONSUMER and nonce not in seen and (not token or token in system.alive)
        seen.add(nonce)
        if not known or not verify_hmac_sha256(signed, CONSUMER_SECRET, system.alive.get(token, "")):
            raise web.HTTPUnauthorized
        return token

    async def access_token(request: web.Request) -> web.Response:
        signer(request)
        if await request.json() != {"user": USER, "password": PASSWORD}:
            raise web.HTTPUnauthorized
        token, secret = token_hex(8), f"s&{token_hex(8)}"
        system.alive[token] = secret
        return web.json_response({"token": token, "secret": secret})

    async def invalidate(request: web.Request) -> web.Response:
        del system.alive[signer(request)]
        return web.json_response({})

    async def projects(request: web.Request) -> web.Response:
        assert signer(request)
        return web.json_response([request.query.get("q", "all")])

    routes = [
        web.post("/api/oauth/access_token", access_token),
        web.post("/api/oauth/invalidate_token", invalidate),
        web.get("/api/projects", projects),
    ]
    async with _served(system, routes):
        yield system


@asynccontextmanager
async def digest_system() -> AsyncIterator[System]:
    """An end system that challenges each request, and has sessions."""
    system = System()

    def must_be_known(request: web.Request) -> None:
        given = dict(DIRECTIVE.findall(request.headers.get("Authorization", "")))
        secret = _sha256(f"{USER}:{REALM}:{PASSWORD}")
        wanted = [secret, given.get("nonce"), given.get("nc"), given.get("cnonce"), "auth"]
        wanted.append(_sha256(f"{request.method}:{request.raw_path}"))
        if given.get("response") != _sha256(":".join(map(str, wanted))):
            challenge = f'Digest realm="{REALM}", nonce="{token_hex(8)}", qop="auth", algorithm=SHA-256'
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": challenge})

    async with _served(system, _sessions(system, must_be_known)):
        yield system


@asynccontextmanager
async def ntlm_system() -> AsyncIterator[System]:
    """An end system that wants NTLM with each connection, and has sessions."""
    system = System()
    handshakes: dict[asyncio.BaseTransport | None, spnego.ContextProxy] = {}

    def must_be_proved(request: web.Request) -> None:
        connection, given = request.transport, request.headers.get("Authorization", "")
        system.connections[connection] += 1
        if system.connections[connection] == system.hangs_up_after:
            connection.close() if connection else None
            raise web.HTTPServiceUnavailable
        if not given.startswith(NTLM):
            if connection not in handshakes or not handshakes[connection].complete:
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": NTLM.strip()})
            return
        ours = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        ours = handshakes.setdefault(connection, ours)
        try:
            answer = ours.step(b64decode(given.removeprefix(NTLM)))
        except (spnego.exceptions.SpnegoError, ValueError):  # the latter of a message of another leg
            raise web.HTTPUnauthorized from None
        if not ours.complete:
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": NTLM + b64encode(answer or b"").decode()})

    with TemporaryDirectory() as folder, patch.dict(os.environ, {"NTLM_USER_FILE": f"{folder}/users"}):
        Path(folder, "users").write_text(f":{USER}:{PASSWORD}\n", "utf-8")
        async with _served(system, _sessions(system, must_be_proved)):
            yield system


@asynccontextmanager
async def xml_rpc_system() -> AsyncIterator[System]:
    """An end system that speaks XML-RPC: the server of Python's library, in a thread."""
    system = System()

    class Requests(SimpleXMLRPCRequestHandler):
        rpc_paths = ("/api/RPC2",)

        def decode_request_content(self, data: bytes) -> bytes | None:
            methods.session = self.headers.get("X-Session", "")
            return super().decode_request_content(data)

    class Methods:
        session = ""

        def _dispatch(self, method: str, given: tuple[Any, ...]) -> Any:
            if method == "session.login" and given == (USER, PASSWORD):
                session = token_hex(8)
                system.alive[session] = ""
                return session
            if self.session not in system.alive:
                raise Fault(401 if method == "session.login" else 403, f"not {given} & not {self.session}")
            if method == "session.logout":
                del system.alive[self.session]
            return [*given]

    methods = Methods()
    with SimpleXMLRPCServer(("127.0.0.1", 0), Requests, logRequests=False) as server:
        server.register_instance(methods)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        system.url = f"http://127.0.0.1:{server.server_address[1]}/api"
        try:
            yield system
        finally:
            server.shutdown()
            thread.join()


def _sessions(system: System, check: Callable[[web.Request], None]) -> list[web.RouteDef]:
    """Return the routes of an end system that checks each request, and has sessions."""

    async def begin(request: web.Request) -> web.Response:
        check(request)
        session = token_hex(8)
        system.alive[session] = ""
        return web.json_response({"session": session})

    async def end(request: web.Request) -> web.Response:
        check(request)
        if system.alive.pop(request.headers["X-Session"], None) is None:
            raise web.HTTPNotFound
        return web.Response(status=204)

    async def projects(request: web.Request) -> web.Response:
        check(request)
        assert request.headers["X-Session"] in system.alive
        return web.json_response([request.query.get("q", "all")])

    return [web.post("/api/session", begin), web.delete("/api/session", end), web.get("/api/projects", projects)]


@asynccontextmanager
async def _served(system: System, routes: list[web.RouteDef]) -> AsyncIterator[None]:
    application = web.Application()
    application.add_routes(routes)
    async with TestServer(application) as server:
        system.url = str(server.make_url("/api"))
        yield


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
