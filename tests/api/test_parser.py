"""What aiohttp's parsers, the one in C and the one in Python, reject: a constant answer, and nothing of it in the log.

These tests stand for the internals of aiohttp that `connector.api.parser` reaches into. When one fails after an upgrade, read
that module against the new aiohttp before the pin is moved.
"""

import asyncio
import json
import re
from pathlib import Path

import aiohttp
import pytest

from connector.config.settings import ServerLimits, ServerSection, Settings
from connector.endsystems.end_system import SessionLogin
from connector.model.outcomes import LogoutOutcome
from tests.api.log import Log
from tests.api.raw import CLEANUP, HOST, RawConnection, answer_to
from tests.api.serving import Edge, edge_process, serving
from tests.doubles import ACKNOWLEDGED, ScriptedEndSystem

PARSERS = {"c": {}, "python": {"AIOHTTP_NO_EXTENSIONS": "1"}}
CANARY = b"s3cret-canary"
SECRET = b"Authorization: Bearer " + CANARY + b"\r\n"
GET = b"GET /discover HTTP/1.1\r\n"
TLS_HELLO = bytes.fromhex("16030102000100 01fc0303") + bytes(100) + b"\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
KIBI = 1024

MALFORMED: dict[str, tuple[bytes, ...]] = {
    "value over the limit": (GET + HOST + b"Authorization: " + CANARY * 3000 + b"\r\n\r\n",),
    "value over the limit, in pieces": (GET + HOST + b"Authorization: ", CANARY * 1500, CANARY * 1500, b"\r\n\r\n"),
    "name over the limit": (GET + HOST + CANARY * 3000 + b": x\r\n\r\n",),
    "no colon": (GET + HOST + b"Bearer " + CANARY + b"\r\n\r\n",),
    "no name": (GET + HOST + b": " + CANARY + b"\r\n\r\n",),
    "illegal name": (GET + HOST + b"<Authorization>: " + CANARY + b"\r\n\r\n",),
    "space before the colon": (GET + HOST + b"Authorization : " + CANARY + b"\r\n\r\n",),
    "folded header": (GET + HOST + b"Authorization: Bearer\r\n " + CANARY + b"\r\n\r\n",),
    "NUL in a value": (GET + HOST + b"Authorization: \0" + CANARY + b"\r\n\r\n",),
    "CR in a value": (GET + HOST + b"Authorization: \r" + CANARY + b"\r\n\r\n",),
    "too many headers": (GET + HOST + SECRET * 200 + b"\r\n",),
    "no host": (GET + SECRET + b"\r\n",),
    "lines that end in LF": (b"GET /discover HTTP/1.1\nHost: localhost\nAuthorization: " + CANARY + b"\n\n",),
    "two lengths": (CLEANUP + SECRET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",),
    "length and chunks": (CLEANUP + SECRET + b"Content-Length: 1\r\n" + CHUNKED + b"0\r\n\r\n",),
    "negative length": (CLEANUP + SECRET + b"Content-Length: -1\r\n\r\n",),
    "unknown encoding of the transfer": (CLEANUP + SECRET + b"Transfer-Encoding: " + CANARY + b"\r\n\r\n",),
    "chunks that are none": (CLEANUP + SECRET + CHUNKED + CANARY + b"\r\n",),
    "method that is none": (b"G(T /discover HTTP/1.1\r\n" + HOST + SECRET + b"\r\n",),
    "no target": (b"GET HTTP/1.1\r\n" + HOST + SECRET + b"\r\n",),
    "NUL in the target": (b"GET /" + CANARY + b"\0 HTTP/1.1\r\n" + HOST + b"\r\n",),
    "target over the limit": (b"GET /" + CANARY * 3000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",),
    "target with a port out of range": (b"GET http://" + CANARY + b":99999999/ HTTP/1.1\r\n" + HOST + b"\r\n",),
    "asterisk": (b"GET * HTTP/1.1\r\n" + HOST + SECRET + b"\r\n",),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY + b"\r\n",),
    "TLS": (TLS_HELLO,),
    "second request": (GET + HOST + b"\r\n" + GET + HOST + b"Bearer " + CANARY + b"\r\n\r\n",),
}
"""Answered with 400 by both parsers."""

TURNED_AWAY: dict[str, tuple[bytes, int]] = {
    "unknown expectation": (CLEANUP + b"Expect: " + CANARY + b"\r\n\r\n", 417),
    "unknown expectation at an unknown path": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Expect: " + CANARY + b"\r\n\r\n", 417),
    "tunnel": (b"CONNECT " + CANARY + b":443 HTTP/1.1\r\n" + HOST + SECRET + b"\r\n", 404),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + SECRET + b"\r\n", 404),
    "absolute target": (b"GET http://" + CANARY + b"/x HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "upgrade": (b"GET /x HTTP/1.1\r\n" + HOST + SECRET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 404),
    "bytes beyond ASCII in a value": (b"GET /x HTTP/1.1\r\n" + HOST + b"Authorization: \xff\xfe" + CANARY + b"\r\n\r\n", 404),
}
"""Answered alike by both parsers, by others than the handlers."""

NEVER_ANSWERED = CLEANUP + SECRET + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"
"""The parser in Python breaks on it: the connection is closed."""


def test_aiohttp_is_the_one_whose_internals_were_read() -> None:
    assert aiohttp.__version__.startswith("3.14."), "read connector/api/parser.py against this aiohttp, then move the pin"


@pytest.mark.parametrize("environment", PARSERS.values(), ids=PARSERS.keys())
async def test_a_malformed_request_gets_a_constant_answer_and_leaves_one_line_of_numbers(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with edge_process(log, environment) as edge:
        answers = {name: await answer_to(edge.port, *pieces) for name, pieces in MALFORMED.items()}
        others = {name: (await answer_to(edge.port, request)).status for name, (request, _) in TURNED_AWAY.items()}
        async with RawConnection(edge.port) as connection:
            await connection.send(NEVER_ANSWERED)
            assert CANARY not in await connection.rest()
    message = "The request is not valid HTTP, or one of its headers is too long."
    expected = {"errors": {"code": "malformed_request", "message": message}}
    assert {name: (answer.status, answer.json) for name, answer in answers.items()} == dict.fromkeys(answers, (400, expected))
    assert {answer.headers["Server"] for answer in answers.values()} == {"opshub-connector"}
    assert others == {name: status for name, (_, status) in TURNED_AWAY.items()}
    text = log.read_bytes()
    assert CANARY not in text
    assert b"Traceback" not in text
    *lines, told = map(json.loads, text.splitlines())
    beside = re.compile("no ledger was there|a client speaks HTTPS")
    assert {line["event"] for line in lines if not beside.match(line["event"])} == {"request"}
    assert (told["event"], told["count"]) == ("requests rejected by the parser", len(MALFORMED) + 2 + 1)


@pytest.mark.parametrize("environment", PARSERS.values(), ids=PARSERS.keys())
async def test_a_header_value_may_be_32_kib_long_and_come_in_pieces(environment: dict[str, str], tmp_path: Path) -> None:
    value = b"v" * 32 * KIBI
    with edge_process(tmp_path / "log", environment) as edge:
        async with RawConnection(edge.port) as connection:
            for piece in (
                CLEANUP + b"Authorization: ",
                *(value[at : at + KIBI] for at in range(0, len(value), KIBI)),
                b"\r\n\r\n",
            ):
                await connection.send(piece)
            assert (await connection.answer()).status == 200
        assert (await answer_to(edge.port, CLEANUP + b"A: " + value + b"v" * KIBI + b"\r\n\r\n")).status == 400


@pytest.mark.parametrize("environment", PARSERS.values(), ids=PARSERS.keys())
@pytest.mark.parametrize("broken", [b"zz\r\n", b"3\r\nabcdef\r\n", b"0\r\n" + CANARY + b"\r\n\r\n", b"-1\r\n"])
async def test_a_body_that_turns_out_to_be_malformed_is_a_400_at_once(
    environment: dict[str, str], broken: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with edge_process(log, environment) as edge:
        async with RawConnection(edge.port) as connection:
            await connection.send(CLEANUP + b"Expect: 100-continue\r\n" + CHUNKED)
            assert (await connection.answer()).status == 100
            await connection.send(b"3\r\nabc\r\n" + broken)
            answer = await connection.answer()
            assert await connection.rest() == b""
    assert (answer.status, answer.json["errors"]["code"]) == (400, "body_incomplete")
    assert CANARY not in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()


@pytest.mark.parametrize(
    "pieces", [(b"GET /mbse/api/1.0/discover HTTP/1.1\r\n", HOST, b"bad\r\n\r\n"), (b"GET /mbse/api/1.0 bad\r\n\r\n",)]
)
async def test_under_an_mbse_path_a_malformed_request_is_answered_with_a_list(pieces: tuple[bytes, ...]) -> None:
    async with serving() as edge:
        answer = await answer_to(edge.port, *pieces)
        assert (answer.status, answer.json["errors"][0]["code"]) == (400, "malformed_request")


async def test_the_path_of_the_request_before_has_no_part_in_the_shape(http: aiohttp.ClientSession) -> None:
    async with serving() as edge, RawConnection(edge.port) as connection:
        await connection.send(b"GET /mbse/api/1.0/discover HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await connection.answer()).status == 200
        await connection.send(GET + b"bad\r\n\r\n")
        assert isinstance((await connection.answer()).json["errors"], dict)


async def test_the_limit_of_a_header_is_the_configured_one() -> None:
    settings = Settings(server=ServerSection(limits=ServerLimits(header=1000)))
    async with serving(Edge(settings)) as edge:
        statuses = [
            (await answer_to(edge.port, CLEANUP + b"Authorization: " + b"v" * length + b"\r\n\r\n")).status
            for length in (1000, 2000)
        ]
    assert statuses == [200, 400]


@pytest.mark.parametrize(
    "pieces", [(), (GET,), (GET + HOST + SECRET,), (GET + HOST + b"\r\n", GET)], ids=["none", "line", "head", "next"]
)
async def test_a_connection_without_a_whole_request_is_closed(pieces: tuple[bytes, ...], log: Log) -> None:
    async with serving(Edge(idle=0.1)) as edge, RawConnection(edge.port) as connection:
        for piece in pieces:
            await connection.send(piece)
        assert (await connection.rest()).count(b"HTTP/1.1 200") == len(pieces) // 2
    assert CANARY.decode() not in log.text


async def test_a_cleanup_that_outlasts_the_idle_time_is_answered() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await go.wait()
        return ACKNOWLEDGED

    async with serving(Edge(end_system=ScriptedEndSystem(logout), idle=0.05)) as edge, RawConnection(edge.port) as connection:
        await connection.send(CLEANUP + b"\r\n")
        await begun.wait()
        async with RawConnection(edge.port) as idle:
            assert await idle.rest() == b""
        go.set()
        assert (await connection.answer()).status == 200
