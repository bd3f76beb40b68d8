"""Reads answers of servers that do not keep to HTTP, if nothing of what they mean is in doubt.

Each request has a connection of its own. So what comes behind an answer is no other answer, and can be ignored.
"""

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
INTERIM = re.compile(rb"\s*\Z|\s*HTTP/1\.\d 1(?!01)")
"""A head that another one follows: 100 and 103, or nothing but line breaks."""
SOUND = re.compile(rb"[^\r\n]+\r\n(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[^\r\n]*\r\n)*\r\n")
NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
LONGEST_HEAD = 1 << 20
"""Bytes of a head that are kept back. The parser judges a longer one as it is."""
FOLDED = re.compile(rb"\r?\n[ \t]+")
"""Between two lines of one header."""
FRAMING = re.compile(rb"\n(?:content-length:([^\r\n]*)|transfer-encoding:)", re.IGNORECASE)


class ForgivingHandler(ResponseHandler):
    """Feeds the parser the head of an answer apart from what follows, and mends a head that is not sound.

    The parser forgets an answer if what follows it in the same piece is no further answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._is_in_head = True
        self._seen = bytearray()

    def data_received(self, data: bytes) -> None:
        """Take what has come over the connection. A head is kept back until it is whole."""
        if not self._is_in_head:
            super().data_received(data)
            return self._tell_reader()
        begin = max(len(self._seen) - len(b"\r\n\r"), 0)
        self._seen += data
        self.start_timeout()
        while self._is_in_head and (end := END_OF_HEAD.search(self._seen, begin)):
            head, begin = bytes(self._seen[: end.end()]), 0
            del self._seen[: end.end()]
            self._is_in_head = INTERIM.match(head) is not None
            super().data_received(mended(head))
        if self._seen and (not self._is_in_head or len(self._seen) > LONGEST_HEAD):
            self._is_in_head = False
            super().data_received(bytes(self._seen))
            self._seen.clear()
        return self._tell_reader()

    def _tell_reader(self) -> None:
        """Pass a fault on to whoever reads the body, who would wait for the rest of it until his time is over."""
        if self.exception() is not None and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(ClientPayloadError())


class ForgivingConnector(TCPConnector):
    """Makes connections whose answers are read so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # aiohttp has no public way to say who handles a connection; its version is pinned.
        self._factory = partial(_handler, asyncio.get_running_loop())


def _handler(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return ForgivingHandler(loop)


def mended(head: bytes) -> bytes:
    """Return the head of an answer as its server meant it. What is in doubt stays as it is, and the parser refuses it."""
    framing = FRAMING.findall(head)
    if SOUND.fullmatch(head) and len(framing) < 2 and all(length.strip().isdigit() for length in framing if length):
        return head
    status, *lines = FOLDED.sub(b" ", head.strip(b"\r\n")).split(b"\n")
    kept = [*_named(lines)]
    is_chunked = any(name.lower() == b"transfer-encoding" for name, _ in kept)
    lengths_given = {length.strip() for name, value in kept if name.lower() == b"content-length" for length in value.split(b",")}
    one_length = [(b"Content-Length", length) for length in lengths_given if length] if not is_chunked else []
    others = [(name, value) for name, value in kept if name.lower() != b"content-length"]
    return b"\r\n".join([status.rstrip(b"\r"), *(name + b":" + value for name, value in [*others, *one_length])]) + b"\r\n\r\n"


def _named(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers, without lines that are none."""
    for line in lines:
        name, colon, value = line.rstrip(b"\r").partition(b":")
        name = name.rstrip(b" \t")
        if colon and NAME.fullmatch(name):
            yield name, value
