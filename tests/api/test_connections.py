"""How much a client can make the server hold: heads, what comes after a verdict, answers that nobody reads, connections."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from connector.api.metrics_endpoint import METRICS
from connector.config.settings import ServerDeadlines, ServerLimits, ServerSection, Settings
from connector.endsystems.end_system import SessionLogin
from connector.model.outcomes import LogoutOutcome
from tests.api.log import Log
from tests.api.raw import CLEANUP, HOST, RawConnection, answer_to, flood, unread
from tests.api.serving import PATIENCE, Edge, edge_process, serving
from tests.api.test_parser import GET, PARSERS
from tests.doubles import ACKNOWLEDGED, ScriptedEndSystem
from tests.metrics.exposition import value

LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
UPGRADE = b"GET /discover HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\n" + HOST
MEBI = 1024 * 1024
LOOK_EVERY = 0.01
LINE = b"X-Filler-%d: " + b"v" * 31_000 + b"\r\n"
FITS, TOO_LARGE = (b"".join(LINE % number for number in range(count)) for count in (8, 9))
"""Headers of 248 and of 279 KB."""


class BusyEndSystem(ScriptedEndSystem):
    """Says when a logout has begun, and ends it when it may."""

    def __init__(self) -> None:
        super().__init__(self._log_out)
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def _log_out(self, _: SessionLogin) -> LogoutOutcome:
        self.begun.set()
        await self.may_end.wait()
        return ACKNOWLEDGED


def edge_with(end_system: ScriptedEndSystem | None = None, *, write: float = 30, **limits: int) -> Edge:
    server = ServerSection(limits=ServerLimits(**limits), deadlines=ServerDeadlines(write=write))
    return Edge(Settings(server=server), end_system or ScriptedEndSystem())


async def counted(edge: Edge, kind: str, number: float = 1) -> None:
    """Wait until the server has counted so many of a kind."""

    def are_there() -> bool:
        text = edge.app[METRICS].exposition().decode()
        return (value(text, "connector_requests_rejected_total", kind=kind) or 0) >= number

    await until(are_there)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if is_so():
                return
            await asyncio.sleep(LOOK_EVERY)


@pytest.mark.parametrize("environment", PARSERS.values(), ids=PARSERS.keys())
async def test_a_head_may_be_256_kib_large_and_a_larger_one_is_a_431(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with edge_process(log, environment) as edge:
        at_once = [await answer_to(edge.port, CLEANUP + headers + b"\r\n") for headers in (FITS, TOO_LARGE)]
        in_pieces = await answer_to(edge.port, CLEANUP, *(LINE % number for number in range(9)), b"\r\n")
        unfinished = await answer_to(edge.port, CLEANUP, *(LINE % number for number in range(9)))
    assert [answer.status for answer in (*at_once, in_pieces, unfinished)] == [200, 431, 431, 431]
    assert unfinished.json["errors"]["code"] == "head_too_large"
    told = json.loads(log.read_bytes().splitlines()[-1])
    assert (told["event"], told["kinds"]) == ("requests rejected by the parser", {"HeadTooLarge": 3})


@pytest.mark.parametrize("environment", PARSERS.values(), ids=PARSERS.keys())
async def test_a_client_that_sends_all_before_it_reads_is_told_that_it_was_too_much(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with edge_process(tmp_path / "log", environment) as edge:
        async with RawConnection(edge.port) as connection:
            await connection.send(CLEANUP + b"".join(LINE % number for number in range(120)) + b"\r\n")
            assert (await connection.answer()).status == 431


async def test_a_client_that_never_ends_what_was_rejected_is_closed() -> None:
    async with serving(edge_with(head_total=1000, header=1000)) as edge, RawConnection(edge.port) as connection:
        await connection.send(GET + HOST + b"A: " + b"v" * 900 + b"\r\nB: " + b"v" * 500)
        assert (await connection.answer()).status == 431
        with pytest.raises(ConnectionError):
            await send_on(connection)


async def send_on(connection: RawConnection) -> None:
    for _ in range(1_000):
        await connection.send(b"v" * 100_000)


async def test_the_largest_head_is_the_configured_one_also_among_pipelined_requests() -> None:
    async with serving(edge_with(head_total=1000, header=1000)) as edge, RawConnection(edge.port) as connection:
        await connection.send(LIVE + GET + HOST + b"A: " + b"v" * 800 + b"\r\n\r\n" + LIVE)
        assert [(await connection.answer()).status for _ in range(3)] == [200] * 3
        await connection.send(LIVE + GET + HOST + b"A: " + b"v" * 500 + b"\r\nB: " + b"v" * 500 + b"\r\n\r\n" + LIVE)
        assert [(await connection.answer()).status for _ in range(2)] == [200, 431]
        assert await connection.rest() == b""


async def test_a_body_is_no_part_of_the_head() -> None:
    async with serving(edge_with(head_total=1000, header=1000)) as edge, RawConnection(edge.port) as connection:
        for _ in range(2):
            await connection.send(CLEANUP + b"Content-Length: 5000\r\n\r\n" + b"x" * 2000)
            await connection.send(b"x" * 3000)
            assert (await connection.answer()).status == 200


async def test_under_an_mbse_path_a_head_that_is_too_large_is_answered_with_a_list() -> None:
    async with serving(edge_with(head_total=1000, header=1000)) as edge:
        answer = await answer_to(edge.port, b"GET /mbse/api/1.0/discover HTTP/1.1\r\n" + HOST, b"A: " + b"v" * 990)
    assert (answer.status, answer.json["errors"][0]["code"]) == (431, "head_too_large")


BEHIND = {
    "a malformed request": b"malformed\r\n\r\n",
    "a head that is too large": GET + HOST + b"A: " + b"v" * 20_000 + b"\r\nB: " + b"v" * 20_000 + b"\r\n\r\n",
    "a request for another protocol": UPGRADE,
    "a whole request": LIVE,
    "a tunnel": b"CONNECT there:443 HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("after", BEHIND.values(), ids=BEHIND.keys())
@pytest.mark.parametrize("more", [b"x" * 65_536, LIVE * 500], ids=["garbage", "requests"])
async def test_of_what_comes_behind_a_request_that_is_under_way_little_is_kept(after: bytes, more: bytes) -> None:
    end_system = BusyEndSystem()
    async with serving(edge_with(end_system, head_total=32_768)) as edge, unread(edge.port) as connection:
        connection.send(CLEANUP + b"\r\n")
        await end_system.begun.wait()
        with growth_at_most(2 * MEBI):
            connection.send(after)
            await flood(connection, more, 32 * MEBI)
        end_system.may_end.set()


async def test_of_what_comes_behind_a_malformed_request_nothing_is_kept() -> None:
    async with serving() as edge, unread(edge.port) as connection:
        with growth_at_most(2 * MEBI):
            connection.send(b"malformed\r\n\r\n")
            await flood(connection, b"x" * 65_536, 32 * MEBI)
            await counted(edge, "BadHttpMethod")


async def test_what_was_sent_behind_a_request_under_way_is_answered_in_its_turn() -> None:
    end_system = BusyEndSystem()
    async with serving(edge_with(end_system)) as edge, RawConnection(edge.port) as connection:
        await connection.send(CLEANUP + b"\r\n" + LIVE * 3)
        await end_system.begun.wait()
        await connection.send(LIVE * 100)
        end_system.may_end.set()
        assert [(await connection.answer()).status for _ in range(104)] == [200] * 104


async def test_a_request_to_upgrade_is_answered_and_is_the_last_of_its_connection() -> None:
    end_system = ScriptedEndSystem()
    async with serving(edge_with(end_system)) as edge, RawConnection(edge.port) as connection:
        await connection.send(LIVE + UPGRADE + CLEANUP + b"\r\n")
        answers = [await connection.answer() for _ in range(2)]
        assert await connection.rest() == b""
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].headers["Connection"] == "close"
    assert not end_system.asked


async def test_a_handler_of_ones_own_may_accept_another_protocol(http: aiohttp.ClientSession) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data)
        return websocket

    edge = edge_with(head_total=40_000)
    edge.app.router.add_get("/echo", echo)
    async with serving(edge), http.ws_connect(f"{edge.url}/echo") as websocket:
        for text in ["x" * 30_000] * 5:
            await websocket.send_str(text)
            assert await websocket.receive_str(timeout=PATIENCE) == text


def edge_with_large_answers(*, write: float, limit: int | None = None) -> Edge:
    """Return an edge that answers with 16 MiB; if `limit` is given, nobody waits until less than that is left to be read."""

    async def large(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.set_write_buffer_limits(limit)
        return web.Response(body=bytes(16 * MEBI))

    edge = edge_with(write=write)
    edge.app.router.add_get("/large", large)
    return edge


@pytest.mark.parametrize("limit", [None, 64 * MEBI], ids=["the answer is being written", "the connection is closing"])
async def test_a_client_that_does_not_read_its_answer_is_closed_in_time(limit: int | None) -> None:
    async with serving(edge_with_large_answers(write=0.1, limit=limit)) as edge, unread(edge.port) as connection:
        connection.send(LARGE + b"Connection: close\r\n\r\n")
        await counted(edge, "NotRead")
        await nothing_open(edge)


async def test_answers_that_pile_up_unread_close_the_connection_in_time() -> None:
    async with serving(edge_with_large_answers(write=0.1)) as edge, unread(edge.port) as connection:
        connection.send((LARGE + b"\r\n") * 20)
        with growth_at_most(2 * 16 * MEBI):
            await counted(edge, "NotRead")
            await nothing_open(edge)


async def test_a_client_that_reads_slowly_gets_its_whole_answer(http: aiohttp.ClientSession) -> None:
    async with serving(edge_with_large_answers(write=PATIENCE)) as edge, http.get(f"{edge.url}/large") as answer:
        read = 0
        while piece := await answer.content.read(65_536):
            read += len(piece)
            await asyncio.sleep(0)
    assert read == 16 * MEBI


@pytest.mark.parametrize("sent", [b"", GET + HOST, CLEANUP + b"Content-Length: 9\r\n\r\nhalf"], ids=["idle", "head", "body"])
async def test_a_connection_that_waits_for_its_client_gives_way_to_a_new_one(sent: bytes) -> None:
    async with serving(edge_with(connections=2)) as edge, used(edge) as first, used(edge) as second:
        await first.send(sent)
        await second.send(LIVE)
        assert (await second.answer()).status == 200
        assert (await answer_to(edge.port, LIVE)).status == 200
        assert b"200" not in await first.rest()
        await second.send(LIVE)
        assert (await second.answer()).status == 200


async def test_a_busy_connection_never_gives_way_and_the_new_one_is_a_503(log: Log) -> None:
    end_system = BusyEndSystem()
    async with serving(edge_with(end_system, connections=1)) as edge, RawConnection(edge.port) as busy:
        await busy.send(CLEANUP + b"\r\n")
        await end_system.begun.wait()
        async with RawConnection(edge.port) as refused:
            answer = await refused.answer()
            assert await refused.rest() == b""
        end_system.may_end.set()
        assert (await busy.answer()).status == 200
    assert (answer.status, answer.json["errors"]["code"]) == (503, "too_many_connections")
    assert answer.headers["Retry-After"] == "1"
    assert log.lines[-1]["kinds"] == {"NoRoom": 1}


async def test_no_address_closes_the_connections_of_another() -> None:
    async with serving(edge_with(connections=10)) as edge, used(edge) as opshub, AsyncExitStack() as stack:
        for _ in range(30):
            await stack.enter_async_context(used(edge, "127.0.0.2"))
        await opshub.send(LIVE)
        assert (await opshub.answer()).status == 200
        await counted(edge, "GaveWay", 21)


async def test_one_address_has_no_more_connections_than_it_may_have() -> None:
    async with (
        serving(edge_with(connections=10, connections_per_address=2)) as edge,
        used(edge) as first,
        used(edge),
        used(edge, "127.0.0.2"),
        used(edge),
    ):
        assert await first.rest() == b""
        await counted(edge, "GaveWay", 1)


async def test_a_thousand_idlers_keep_nobody_out() -> None:
    async with serving(edge_with(connections=50)) as edge, AsyncExitStack() as stack:
        for _ in range(1000):
            await stack.enter_async_context(RawConnection(edge.port))
        assert (await answer_to(edge.port, CLEANUP + b"\r\n")).status == 200


async def nothing_open(edge: Edge) -> None:
    """Wait until the server has no connection any more."""
    assert edge.runner is not None
    assert edge.runner.server is not None
    server = edge.runner.server
    await until(lambda: not server.connections)


@asynccontextmanager
async def used(edge: Edge, source: str = "127.0.0.1") -> AsyncIterator[RawConnection]:
    """Open a connection that the server has answered on."""
    async with RawConnection(edge.port, source) as connection:
        await connection.send(LIVE)
        assert (await connection.answer()).status == 200
        yield connection


@contextmanager
def growth_at_most(limit: int) -> Iterator[None]:
    """Hold what is allocated within, and not freed, against a limit in bytes."""
    tracemalloc.start()
    try:
        yield
        allocated, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated < limit
