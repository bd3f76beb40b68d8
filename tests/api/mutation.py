"""Requests that are nearly right: valid ones, with some of their bytes changed. A seed gives the same ones each time."""

from collections.abc import Callable, Iterator
from random import Random

from tests.api.raw import CLEANUP, HOST

CANARY = b"s3cret-canary"
SECRETS = b"Authorization: Bearer " + CANARY + b"\r\nCookie: JSESSIONID=" + CANARY + b"\r\n"
VALID = (
    CLEANUP + SECRETS + b"\r\n",
    CLEANUP + SECRETS + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    CLEANUP + SECRETS + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    CLEANUP.replace(b" HTTP", b"?systemId=A%20B&cleanupGlobalCache=true HTTP") + SECRETS + b"Expect: 100-continue\r\n\r\n",
    CLEANUP.replace(b"/cleanup", b"/mbse/api/1.0/cleanup") + SECRETS + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /discover HTTP/1.1\r\n" + HOST + SECRETS + b"\r\nGET /health/live HTTP/1.1\r\n" + HOST + SECRETS + b"\r\n",
)
SPECIAL = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%", b"\x80", b"\xff", b"#", b"?", b"//", b"*", b"-1"),
    *(b"HTTP/1.1", b"chunked", b"99999999999", b"Host: x\r\n", b"Expect: x\r\n", b"a" * 40_000),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
)
FINAL = b"\r\n\r\n\0\r\n\r\n"
"""What is no request. Sent after each, so that the server has something to reject, and ends the connection."""


def malformed(count: int, seed: int) -> Iterator[bytes]:
    """Make so many requests; some are still valid, some not finished."""
    random = Random(seed)
    for _ in range(count):
        request = random.choice(VALID)
        for _ in range(random.randint(1, 3)):
            request = random.choice(MUTATIONS)(random, request)
        yield request


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _replace(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + random.randbytes(random.randint(1, 4)) + data[at + 1 :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + random.choice(SPECIAL) + data[at:]


def _drop(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.randint(1, 20) :] or b"\0"


def _repeat(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at : at + random.randint(1, 60)] * 2 + data[at:]


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(1, len(data) + 1)]


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _replace, _insert, _drop, _repeat, _cut)
