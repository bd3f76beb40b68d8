"""The guarded HTTP client: the only way in which requests leave this process for an end system."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import aiohttp
from yarl import URL

from connector.config.settings import EndSystemDeadlines
from connector.endsystems.http.authorised import carrying
from connector.endsystems.http.authors_answer import EndSystemAnswer
from connector.endsystems.http.authors_client import AuthorsClient
from connector.endsystems.http.failures import ExchangeFailed, translated
from connector.endsystems.http.forgiving import ForgivingConnector
from connector.endsystems.http.guard import UrlPrefix, guarded_socket
from connector.endsystems.http.kept import KeptAnswer, KeptConnector, read_rest, telling
from connector.endsystems.http.received import read_beginning, response_of
from connector.endsystems.http.resolver import Resolver
from connector.endsystems.http.response import Response
from connector.endsystems.profile.outgoing import Outgoing
from connector.runtime.deadline import Patience

HEADER_LIMIT = 64 * 1024
MAX_HEADERS = 512
CONNECTIONS = 128
CONNECTIONS_PER_HOST = 32
"""At a time, for the client of one handler. A profile's own requests have no such limit: a cleanup that waited for another's
connection would be as slow as all others together."""
FOR_MANY_REQUESTS = partial(aiohttp.TCPConnector, limit=CONNECTIONS, limit_per_host=CONNECTIONS_PER_HOST)
# Only here slips are forgiven: on a connection that is used again, what comes behind an answer may be the next one.
FOR_ONE_REQUEST = partial(ForgivingConnector, limit=0, force_close=True)
# No compression, because a small answer could grow to any size in memory.
USER_AGENT = {"User-Agent": "opshub-connector"}

Connection = Literal["kept"] | None
"""Whether all requests of a run go over one connection, because the end system ties the login to it."""
Client = TypeVar("Client", bound=aiohttp.ClientSession)


class GuardedClient:
    """Reaches the end system, and nothing else: within `end_system.allowed_urls`, and at an address that may be connected to.

    The deadlines, certificates and proxy are those of the configuration. It keeps no cookies, and takes no proxy from the
    environment.
    """

    def __init__(
        self,
        deadlines: EndSystemDeadlines,
        tls: ssl.SSLContext,
        proxy: URL | None,
        *,
        allowed: Sequence[UrlPrefix] = (),
        base_url: str | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.base_url = base_url
        """`end_system.base_url`; None if there is none, or if each session has its own."""
        self._allowed = allowed
        self._deadlines = deadlines
        self._tls = tls
        self._proxy = proxy
        self._resolver = resolver or Resolver()
        self._hasty = self._timeout(total=None)
        # At least the time of all steps: one slow connection is no reason to give a login up.
        to_connect = max(deadlines.connect, deadlines.total)
        self._patient = aiohttp.ClientTimeout(total=None, connect=to_connect, sock_connect=deadlines.connect)
        """For requests that are read to their end: it limits only the time before anything is sent."""
        self.also: Sequence[aiohttp.ClientMiddlewareType] = ()
        """Middlewares that see each request as it is sent."""
        self._session: aiohttp.ClientSession | None = None
        self._keeps = False

    async def open(self, connection: Connection = None) -> None:
        """Make ready, inside the running event loop."""
        self._keeps = connection is not None
        self._session = self._made(
            aiohttp.ClientSession,
            _send_once,
            *([telling] if self._keeps else []),
            connections=KeptConnector if self._keeps else FOR_ONE_REQUEST,
            headers={**USER_AGENT, "Accept-Encoding": "identity"},
            skip_auto_headers=["Content-Type"],
            timeout=self._hasty,
            auto_decompress=False,
        )

    @asynccontextmanager
    async def for_run(self) -> AsyncIterator["GuardedClient"]:
        """Yield this client for one run: all that it exchanges goes over one connection, which nobody else uses."""
        run = GuardedClient(self._deadlines, self._tls, self._proxy, resolver=self._resolver)
        run.also = self.also
        await run.open(connection="kept")
        try:
            yield run
        finally:
            await run.aclose()

    def http(
        self,
        *middlewares: aiohttp.ClientMiddlewareType,
        headers: Iterable[tuple[str, str]] = (),
        base_url: str | None = None,
        accepted: Callable[[], None] | None = None,
        for_login: bool = False,
        connection: Connection = None,
    ) -> AuthorsClient:
        """Make a client for an author's requests; its context, or `close`, closes it. Its connections are its own.

        Args:
            middlewares: see each request once it was checked, also at a redirect: one that signs it, for instance.
            headers: are added to each request, also at a redirect.
            base_url: where paths begin, if not at `end_system.base_url`.
            accepted: is called at each success at the base URL's origin: that of a `SessionLogin` notes that its login is alive.
                What a redirect leads to does not count.
            for_login: reads answers for as long as a login may take, because an answer that nobody reads may be a login that
                nobody ends.
            connection: `"kept"` sends all requests to one server over one connection, which nobody else uses. A request waits
                until the answer before was read. If the connection ends, each further request raises `ConnectionNotKept`.

        Its requests raise `aiohttp.ClientError` or `TimeoutError`, such as `TargetNotAllowed`.
        """
        return self._made(
            AuthorsClient,
            carrying(headers, self._allowed),
            *middlewares,
            *([telling] if connection else []),
            connections=KeptConnector if connection else FOR_MANY_REQUESTS,
            base_url=_root_of(self.base_url if base_url is None else base_url),
            accepted=accepted,
            headers=USER_AGENT,
            timeout=self._patient if for_login else self._timeout(total=self._deadlines.total),
            response_class=KeptAnswer if connection else EndSystemAnswer,
        )

    def _timeout(self, *, total: float | None) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=total, sock_connect=self._deadlines.connect, sock_read=self._deadlines.read)

    def _made(
        self,
        kind: type[Client],
        *middlewares: aiohttp.ClientMiddlewareType,
        connections: Callable[..., aiohttp.TCPConnector],
        **options: Any,
    ) -> Client:
        """Make a client with the guards that every client has."""
        return kind(
            connector=connections(ssl=self._tls, resolver=self._resolver, socket_factory=guarded_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            proxy=self._proxy,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            max_headers=MAX_HEADERS,
            middlewares=(*middlewares, *self.also),
            **options,
        )

    async def aclose(self) -> None:
        """Close all connections. A second call does nothing."""
        if self._session is not None:
            await self._session.close()

    async def exchange(self, outgoing: Outgoing, *, until: float | Patience) -> Response:
        """Send a request of a profile and read its answer, at most until the loop's clock shows `until`. Raises `ExchangeFailed`.

        It is sent once, over a connection that is never used again, except `for_run`. No redirect is followed.
        It asks for no compression, and unpacks with a bound what was compressed all the same. With `Patience`, the answer may
        take as long as that lasts, also between two of its pieces.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        begun: list[aiohttp.ClientResponse] = []
        read = bytearray()
        try:
            await self._read(self._session, outgoing, until, begun, read)
        except ExchangeFailed as failed:
            failed.begun = next((response_of(answer, outgoing.url, bytes(read)) for answer in begun), None)
            raise
        return response_of(begun[0], outgoing.url, bytes(read))

    async def _read(
        self,
        session: aiohttp.ClientSession,
        outgoing: Outgoing,
        until: float | Patience,
        begun: list[aiohttp.ClientResponse],
        read: bytearray,
    ) -> None:
        """Send a request; put its answer into `begun` once its head is there, and what comes of its body into `read`."""
        with translated():
            async with (
                until.kept() if isinstance(until, Patience) else asyncio.timeout_at(until),
                session.request(
                    outgoing.method,
                    outgoing.url,
                    headers=outgoing.headers,
                    data=outgoing.body,
                    # aiohttp would send credentials and the body along to another host.
                    allow_redirects=False,
                    timeout=self._patient if isinstance(until, Patience) else self._hasty,
                ) as answer,
            ):
                begun.append(answer)
                await read_beginning(answer.content, read)
                if self._keeps:
                    await read_rest(answer.content)
                else:
                    answer.close()  # or the rest of a long answer would be read


def _root_of(base_url: str | None) -> URL | None:
    """Return where paths begin below a base URL, None without one."""
    # With a slash at the end, or joining a relative URL would drop the last segment.
    return URL(base_url.rstrip("/") + "/", encoded=True) if base_url else None


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Translate errors at once, because aiohttp repeats an idempotent request after an error that it knows."""
    with translated():
        return await handler(request)
