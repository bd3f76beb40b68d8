"""Reads the beginning of an answer for a profile."""

import aiohttp
from yarl import URL

from connector.endsystems.http.response import Response
from connector.endsystems.http.unpacking import CannotUnpack, unpacked

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer's body that are read, and that are unpacked of it; the rest is ignored."""


async def read_beginning(content: aiohttp.StreamReader, read: bytearray) -> None:
    """Read one byte more than the limit, which tells whether there is more."""
    while len(read) <= ANSWER_LIMIT and (piece := await content.read(ANSWER_LIMIT + 1 - len(read))):
        read += piece


def response_of(answer: aiohttp.ClientResponse, url: URL, read: bytes) -> Response:
    """Return an answer by its head and what was `read` of its body."""
    headers = [*answer.headers.items()]
    try:
        body, broken_off = unpacked(read, answer.headers.getall("Content-Encoding", []), ANSWER_LIMIT + 1)
    except CannotUnpack as problem:
        return Response(answer.status, headers, b"", url=url, packing=str(problem))
    is_long = max(len(read), len(body)) > ANSWER_LIMIT
    packing = f"{broken_off} that breaks off" if broken_off and not is_long else None
    return Response(answer.status, headers, body[:ANSWER_LIMIT], is_long or bool(broken_off), url, packing)
