"""A client that speaks HTTPS to the plain port is not understood, and the log says so at once."""

import ssl

import aiohttp
import pytest

from tests.api.log import Log
from tests.api.raw import CLEANUP, RawConnection, answer_to
from tests.api.serving import serving

HELLO = b"\x16\x03\x01\x02\x00\x01\x00"


def told(log: Log) -> list[str]:
    return [line["event"] for line in log.lines if "HTTPS" in line["event"]]


async def test_the_first_https_request_is_told_at_once_and_the_next_ones_are_counted(log: Log) -> None:
    async with serving() as edge, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"https://127.0.0.1:{edge.port}/discover", ssl=ssl.create_default_context())
        [line] = told(log)
        for _ in range(2):
            async with RawConnection(edge.port) as connection:
                await connection.send(HELLO)
                assert (await connection.answer()).status == 400
        assert told(log) == [line]

    assert "register the connector with http://" in line
    assert log.lines[-1]["kinds"] == {"TlsHandshake": 3}


async def test_a_body_that_begins_like_https_is_a_body(log: Log) -> None:
    async with serving() as edge:
        head = CLEANUP + f"Content-Length: {len(HELLO)}\r\n\r\n".encode()
        assert (await answer_to(edge.port, head, HELLO)).status == 200
        assert (await answer_to(edge.port, b"\r\n", CLEANUP + b"\r\n")).status == 200

    assert told(log) == []
