"""A small connector that keeps its sessions in memory: correct as it is, and faulty in one way where a test asks for it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from secrets import token_hex
from typing import Any
from uuid import UUID

from aiohttp import ClientError, ClientSession, web

from tests.ports import free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PARAMETERS = {"systemId", "cleanupGlobalCache"}
SLOWLY = 0.05
"""Seconds of a cleanup that is to last until its caller has left."""
BOOLEANS = {"true": True, "false": False, "": False}


class Fault(Enum):
    """What the connector does wrong."""

    NO_VERSION = auto()
    ANOTHER_VERSION_ON_A_REPLICA = auto()
    NO_INITIALIZE = auto()
    RETURNS_AN_OBJECT = auto()
    LOGIN_REFUSED_WITH_401 = auto()
    ILLEGAL_HEADER_NAME = auto()
    REPEATED_HEADER = auto()
    RETURNS_HOST = auto()
    VALUE_OF_TWO_LINES = auto()
    HUGE_HEADERS = auto()
    PASSWORD_RETURNED_WITHOUT_ITS_MARK = auto()
    TAKES_ANY_BODY = auto()
    SESSIONS_KNOWN_TO_ONE_REPLICA = auto()
    ANONYMOUS_CALLS = auto()
    WRONG_TICKET_IS_A_403 = auto()
    NO_SECOND_INITIALIZE = auto()
    BREAKS_ON_A_SESSION_THAT_WAS_INITIALIZED_TWICE = auto()
    SECOND_CLEANUP_IS_A_500 = auto()
    CLEANUP_ENDS_ALL_SESSIONS = auto()
    ENDED_SESSIONS_GO_ON = auto()
    PARAMETERS_ARE_REQUIRED = auto()
    GLOBAL_CLEANUP_IS_A_500 = auto()
    GLOBAL_CACHE_SURVIVES = auto()
    TWO_SESSIONS_AT_MOST = auto()
    FOURTH_CLEANUP_IS_A_429 = auto()
    NO_LENGTH_IS_A_411 = auto()
    A_CALLER_THAT_LEAVES_BLOCKS_ITS_SESSION = auto()
    H2C_IS_A_400 = auto()
    UNKNOWN_SESSION_IS_A_500 = auto()
    UNKNOWN_PARAMETER_IS_A_400 = auto()
    TAKES_ANY_ID = auto()
    TAKES_ANY_BOOLEAN = auto()
    GET_CLEANS_UP = auto()
    ENDED_SESSION_IS_A_401 = auto()
    CLEANUP_IS_A_403 = auto()
    ERRORS_AS_TEXT = auto()
    ERRORS_WITHOUT_A_CODE = auto()
    REPEATS_THE_TICKET = auto()
    REPEATS_A_WRONG_TICKET = auto()
    REPEATS_THE_PASSWORD = auto()
    LOST_LOGIN_IS_A_500 = auto()
    NEW_LOGIN_IS_A_401_AGAIN = auto()
    LIMIT_IS_A_503 = auto()
    OUTAGE_IS_A_401 = auto()


@dataclass(slots=True)
class Session:
    """An open session."""

    id: str
    system: str
    server: str
    """The setting that the answers depend on."""
    replica: int


@dataclass(slots=True)
class Office:
    """What the replicas have in common."""

    fault: Fault | None
    mbse: bool
    by_ticket: dict[str, Session] = field(default_factory=dict)
    ended: dict[str, Session] = field(default_factory=dict)
    """By ticket, too."""
    cache: dict[str, str] = field(default_factory=dict)
    """The global cache: what was loaded, by system."""
    cleanups: Counter[str] = field(default_factory=Counter)
    """By session id."""
    initialized: Counter[str] = field(default_factory=Counter)
    blocked: set[str] = field(default_factory=set)
    """Sessions whose cleanup will never be finished."""
    logins: int = 0
    """How often somebody tried to log in."""
    requests: int = 0
    end_system: str = ""
    """URL of a page of the end system that each call asks first; empty if there is none."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """That a call has come."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """That calls are answered, as they are from the beginning: until then, they wait."""

    def __post_init__(self) -> None:
        self.answers.set()

    @property
    def open_sessions(self) -> set[str]:
        return {session.id for session in self.by_ticket.values()}

    def log_in(self, session_id: str, system: str = "", server: str = "", replica: int = 0) -> str:
        """Open a session, and return its ticket."""
        ticket = f"T1cket-{token_hex(8)}"
        self.by_ticket[ticket] = Session(session_id, system, server, replica)
        self.initialized[session_id] += 1
        return ticket


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str = "so it is") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Replica:
    """One of the servers of the connector."""

    office: Office
    number: int

    def has(self, fault: Fault) -> bool:
        return self.office.fault is fault

    async def discover(self, _: web.Request) -> web.Response:
        version = f"1.{self.number}" if self.has(Fault.ANOTHER_VERSION_ON_A_REPLICA) else "1.0"
        introduction = {"connectorName": "small", "connectorVersion": version}
        if self.has(Fault.NO_VERSION):
            del introduction["connectorVersion"]
        return web.json_response(introduction)

    async def initialize(self, request: web.Request) -> web.Response:
        if self.has(Fault.NO_INITIALIZE):
            raise Refusal(404, "not_found")
        session_id, settings = request.match_info["id"], await self._settings(request)
        self._check_login(session_id, settings)
        for ticket in [ticket for ticket, session in self.office.by_ticket.items() if session.id == session_id]:
            self.office.ended[ticket] = self.office.by_ticket.pop(ticket)
        ticket = self.office.log_in(session_id, request.query["systemId"], settings.get("url", ""), self.number)
        return web.json_response(self._returned(ticket, settings))

    async def _settings(self, request: web.Request) -> dict[str, str]:
        content = await request.json()
        if self.has(Fault.TAKES_ANY_BODY) and not isinstance(content, list):
            return {"url": "none", "password": "none"}
        if not isinstance(content, list):
            raise Refusal(400, "no_settings")
        return {pair["key"]: pair["value"] for pair in content}

    def _check_login(self, session_id: str, settings: dict[str, str]) -> None:
        if "password" not in settings:
            raise Refusal(400, "no_password")
        self.office.logins += 1
        if self.has(Fault.REPEATS_THE_PASSWORD):
            raise Refusal(400, "wrong_password", f"{settings['password']}\x1b[2J is wrong")
        if self.has(Fault.LOGIN_REFUSED_WITH_401):
            raise Refusal(401, "wrong_password")
        if self.has(Fault.NO_SECOND_INITIALIZE) and self.office.initialized[session_id]:
            raise Refusal(409, "exists")
        if self.has(Fault.TWO_SESSIONS_AT_MOST) and len(self.office.open_sessions - {session_id}) >= 2:
            raise Refusal(503, "no_licence")

    def _returned(self, ticket: str, settings: dict[str, str]) -> Any:
        pairs = [_pair("X-Ticket", f"Ticket {ticket}", sensitive=True), _pair("X-Server", settings.get("url", ""))]
        match self.office.fault:
            case Fault.RETURNS_AN_OBJECT:
                return {"X-Ticket": ticket}
            case Fault.ILLEGAL_HEADER_NAME:
                pairs.append(_pair("<X-Server>", "desk"))
            case Fault.REPEATED_HEADER:
                pairs.append(_pair("x-server", "desk"))
            case Fault.RETURNS_HOST:
                pairs.append(_pair("Host", "desk"))
            case Fault.VALUE_OF_TWO_LINES:
                pairs.append(_pair("X-Note", "one\r\ntwo"))
            case Fault.HUGE_HEADERS:
                pairs.append(_pair("X-Note", "n" * 7000))
            case Fault.PASSWORD_RETURNED_WITHOUT_ITS_MARK:
                pairs.append(_pair("X-Password", settings["password"]))
        return pairs

    async def projects(self, request: web.Request) -> web.Response:
        self.office.asked.set()
        await self.office.answers.wait()
        session = self._session(_ticket(request))
        if self.office.end_system:
            self._check_end_system(await _status_of(self.office.end_system), session)
        return web.json_response([self.office.cache.setdefault(session.system, f"project on {session.server}")])

    def _check_end_system(self, status: int | None, session: Session) -> None:
        if status is None:
            raise Refusal(401 if self.has(Fault.OUTAGE_IS_A_401) else 503, "away")
        if status == 429:
            raise Refusal(503 if self.has(Fault.LIMIT_IS_A_503) else 403, "limited")
        if status == 401 and self.has(Fault.LOST_LOGIN_IS_A_500):
            raise Refusal(500 if self.office.initialized[session.id] == 1 else 502, "broken")
        if status == 401:
            again = self.office.initialized[session.id] > 1 and not self.has(Fault.NEW_LOGIN_IS_A_401_AGAIN)
            raise Refusal(502 if again else 401, "login_lost")

    def _session(self, ticket: str) -> Session:
        session = self.office.by_ticket.get(ticket)
        if session is None and self.has(Fault.ENDED_SESSIONS_GO_ON):
            session = self.office.ended.get(ticket)
        if session is not None and not (self.has(Fault.SESSIONS_KNOWN_TO_ONE_REPLICA) and session.replica != self.number):
            return session
        if self.has(Fault.ANONYMOUS_CALLS) and not ticket:
            return Session("", "", "", 0)
        if self.has(Fault.WRONG_TICKET_IS_A_403) and ticket and ticket not in self.office.ended:
            raise Refusal(403, "forbidden")
        if self.has(Fault.REPEATS_A_WRONG_TICKET) and ticket:
            raise Refusal(401, "unknown_ticket", f"{ticket} is unknown")
        raise Refusal(401, "no_session")

    async def cleanup(self, request: web.Request) -> web.Response:
        session_id = self._checked_id(request.match_info["id"])
        global_cache = self._checked_query(request)
        if self.has(Fault.CLEANUP_IS_A_403):
            raise Refusal(403, "forbidden")
        await self._check_sending(session_id, request)
        self._check_repeats(session_id)
        self._end(session_id, _ticket(request), request.query.get("systemId", ""), global_cache=global_cache)
        if self.has(Fault.GLOBAL_CLEANUP_IS_A_500) and global_cache:
            raise Refusal(500, "broken")
        told = {"ticket": request.headers.get("X-Ticket")} if self.has(Fault.REPEATS_THE_TICKET) else {}
        return web.json_response(told)

    def _checked_id(self, given: str) -> str:
        try:
            return str(UUID(given))
        except ValueError:
            if self.has(Fault.TAKES_ANY_ID):
                return given
            raise Refusal(400, "no_uuid") from None

    def _checked_query(self, request: web.Request) -> bool:
        if self.has(Fault.PARAMETERS_ARE_REQUIRED) and not {*request.query} >= PARAMETERS:
            raise Refusal(400, "parameter_missing")
        if self.has(Fault.UNKNOWN_PARAMETER_IS_A_400) and {*request.query} - PARAMETERS:
            raise Refusal(400, "parameter_unknown")
        word = request.query.get("cleanupGlobalCache", "")
        if word not in BOOLEANS and not self.has(Fault.TAKES_ANY_BOOLEAN):
            raise Refusal(400, "no_boolean")
        return BOOLEANS.get(word, False)

    async def _check_sending(self, session_id: str, request: web.Request) -> None:
        if self.has(Fault.NO_LENGTH_IS_A_411) and "Content-Length" not in request.headers:
            raise Refusal(411, "length_required")
        if self.has(Fault.H2C_IS_A_400) and "Upgrade" in request.headers:
            raise Refusal(400, "no_upgrade")
        if self.has(Fault.A_CALLER_THAT_LEAVES_BLOCKS_ITS_SESSION):
            await asyncio.sleep(SLOWLY)
            if request.transport is None or request.transport.is_closing():
                self.office.blocked.add(session_id)
            if session_id in self.office.blocked:
                raise Refusal(409, "busy")

    def _check_repeats(self, session_id: str) -> None:
        self.office.cleanups[session_id] += 1
        repeated = self.office.cleanups[session_id] > 1
        if self.has(Fault.SECOND_CLEANUP_IS_A_500) and repeated:
            raise Refusal(500, "broken")
        if self.has(Fault.ENDED_SESSION_IS_A_401) and repeated:
            raise Refusal(401, "no_session")
        if self.has(Fault.FOURTH_CLEANUP_IS_A_429) and self.office.cleanups[session_id] > 3:
            raise Refusal(429, "too_many")
        if self.has(Fault.UNKNOWN_SESSION_IS_A_500) and not self.office.initialized[session_id]:
            raise Refusal(500, "broken")

    def _end(self, session_id: str, ticket: str, system: str, *, global_cache: bool) -> None:
        everything = self.has(Fault.CLEANUP_ENDS_ALL_SESSIONS)
        concerned = [
            own for own, session in self.office.by_ticket.items() if everything or session_id == session.id or own == ticket
        ]
        for own in concerned:
            self.office.ended[own] = self.office.by_ticket.pop(own)
        if global_cache and not self.has(Fault.GLOBAL_CACHE_SURVIVES):
            self.office.cache.pop(system, None)
        twice = self.office.initialized[session_id] > 1
        if self.has(Fault.BREAKS_ON_A_SESSION_THAT_WAS_INITIALIZED_TWICE) and twice and concerned:
            raise Refusal(500, "broken")

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.office.requests += 1
        try:
            return await handler(request)
        except web.HTTPException as error:
            return self._error(Refusal(error.status, "http"))
        except Refusal as refusal:
            return self._error(refusal)

    def _error(self, refusal: Refusal) -> web.Response:
        if self.has(Fault.ERRORS_AS_TEXT):
            return web.Response(status=refusal.status, text="it did not work")
        error = (
            {"message": str(refusal)}
            if self.has(Fault.ERRORS_WITHOUT_A_CODE)
            else {"code": refusal.code, "message": str(refusal)}
        )
        return web.Response(
            status=refusal.status,
            text=json.dumps({"errors": [error] if self.office.mbse else error}),
            content_type="application/json",
        )

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.errors])
        application.router.add_get("/api/discover", self.discover)
        application.router.add_post("/api/initialize/{id}", self.initialize)
        application.router.add_get("/api/projects", self.projects)
        application.router.add_post("/api/cleanup/{id:[^/]+}", self.cleanup)
        if self.has(Fault.GET_CLEANS_UP):
            application.router.add_get("/api/cleanup/{id:[^/]+}", self.cleanup)
        return application


@dataclass(frozen=True, slots=True)
class SmallConnector:
    """A running connector."""

    urls: list[str]
    office: Office
    end_system: str
    """URL of what is behind the connector, if it is made to ask it."""

    def expect_end_system(self) -> int:
        """Let each call ask the end system first, at a port of this machine, which is returned: that of a front."""
        port = free_port()
        self.office.end_system = f"http://127.0.0.1:{port}/page"
        return port


@asynccontextmanager
async def small_connector(fault: Fault | None = None, *, replicas: int = 2, mbse: bool = False) -> AsyncIterator[SmallConnector]:
    """Serve the connector on free loopback ports, one for each replica."""
    office = Office(fault, mbse)
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served(Replica(office, number).application())) for number in range(replicas)]
        end_system = await stack.enter_async_context(served(_end_system()))
        yield SmallConnector([f"{url}/api" for url in urls], office, end_system)


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free loopback port; yields its URL."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port, *_ = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _end_system() -> web.Application:
    """What answers 200 at one page, and at no other."""
    application = web.Application()
    application.router.add_get("/page", _page)
    return application


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="fine")


async def _status_of(url: str) -> int | None:
    """The status that the end system answers, None if it answers nothing."""
    try:
        async with ClientSession() as http, http.get(url) as answer:
            return answer.status
    except ClientError:
        return None


def _ticket(request: web.Request) -> str:
    return request.headers.get("X-Ticket", "").removeprefix("Ticket ")


def _pair(key: str, value: str, *, sensitive: bool = False) -> dict[str, str | bool]:
    return {"key": key, "value": value, "sensitive": sensitive}


async def hang(_: web.Request) -> web.Response:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError
