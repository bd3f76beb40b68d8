"""End systems for the three classes, over real HTTP: one checks signatures by OAuthLib, one is Python's own XML-RPC server."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from threading import Thread
from types import SimpleNamespace
from typing import Any
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from aiohttp import web
from aiohttp.test_utils import TestServer
from oauthlib.oauth1.rfc5849.signature import collect_parameters, verify_hmac_sha256

USER, PASSWORD = "opshub", "correct horse"
CONSUMER, CONSUMER_SECRET = "connector", "c0nsumer&secret"
REALM = "desk"
DIRECTIVE = re.compile(r'(\w+)="?([^",]+)"?')


@dataclass(slots=True)
class System:
    """An end system as a test sees it: by its address and its sessions."""

    url: str = ""
    alive: dict[str, str] = field(default_factory=dict)
    """Id or token of each session, and its secret if it has one."""


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

    async def begin(request: web.Request) -> web.Response:
        must_be_known(request)
        session = token_hex(8)
        system.alive[session] = ""
        return web.json_response({"session": session})

    async def end(request: web.Request) -> web.Response:
        must_be_known(request)
        if system.alive.pop(request.headers["X-Session"], None) is None:
            raise web.HTTPNotFound
        return web.Response(status=204)

    async def projects(request: web.Request) -> web.Response:
        must_be_known(request)
        assert request.headers["X-Session"] in system.alive
        return web.json_response([request.query.get("q", "all")])

    routes = [web.post("/api/session", begin), web.delete("/api/session", end), web.get("/api/projects", projects)]
    async with _served(system, routes):
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


@asynccontextmanager
async def _served(system: System, routes: list[web.RouteDef]) -> AsyncIterator[None]:
    application = web.Application()
    application.add_routes(routes)
    async with TestServer(application) as server:
        system.url = str(server.make_url("/api"))
        yield


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
