"""A login's answer is read however its server has packed and encoded it, and no further than the bound."""

import gzip
import tracemalloc
import zlib

import pytest

from connector.endsystems.http.response import Response
from connector.endsystems.http.unpacking import CannotUnpack, unpacked
from connector.model.outcomes import LoginResult
from tests.endsystems.behaviours import BOMB
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, opened

JSON = '{"token": "tök"}'
PLAIN = JSON.encode()
PROFILE = LOGOUT.format(path="logout") + LOGIN.format(path="login").replace("Bearer ", "")
IN_XML = PROFILE.replace('json = "token"', "pattern = '<token>([^<]+)</token>'")


def bare_deflate(body: bytes) -> bytes:
    """Pack as the servers do that take deflate for what is within its header."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


async def captured(answer: Canned, profile: str = PROFILE) -> str:
    """Return what is captured of an end system that answers this."""
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.login(SESSION, RIGHT)
        assert outcome.result is LoginResult.LOGGED_IN, outcome.message
        return outcome.credential["Authorization"]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("X-GZip", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:5]) + gzip.compress(PLAIN[5:])),
        ("gzip", gzip.compress(PLAIN)[:-8]),
        ("deflate", zlib.compress(PLAIN)),
        (" deflate ,", bare_deflate(PLAIN)),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN))),
        ("identity", PLAIN),
        ("gzip", PLAIN),
        ("deflate", PLAIN),
        ("UTF-8", PLAIN),
    ],
    ids=[
        "gzip",
        "x-gzip",
        "in members",
        "broken off",
        "deflate",
        "bare deflate",
        "twice",
        "identity",
        "gzip by name",
        "deflate by name",
        "charset",
    ],
)
async def test_an_answer_that_is_packed_unasked_is_unpacked(coding: str, body: bytes) -> None:
    assert await captured(Canned(200, body, [("Content-Encoding", coding)])) == "tök"


async def test_a_text_in_another_encoding_that_is_not_packed_is_read_as_it_is() -> None:
    headers = [("Content-Encoding", "gzip"), ("Content-Type", "application/json; charset=latin-1")]
    assert await captured(Canned(200, JSON.encode("latin-1"), headers)) == "tök"


LONG = "token=abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("body", "coding", "why"),
    [
        (("\n" * (2**16 - 10) + LONG).encode(), "identity", "only the first 64 KiB of the body are read"),
        (gzip.compress(("\n" * (2**16 - 10) + LONG).encode()), "gzip", "only the first 64 KiB of the body are read"),
        (gzip.compress(LONG.encode())[:-20], "gzip", "the body is compressed (gzip that breaks off), and could not be"),
        (zlib.compress(LONG.encode())[:-20], "deflate", "the body is compressed (deflate that breaks off), and could not be"),
    ],
    ids=["long", "long when unpacked", "gzip", "deflate"],
)
async def test_a_value_that_a_cut_body_ends_in_is_not_taken_for_a_whole_one(body: bytes, coding: str, why: str) -> None:
    profile = PROFILE.replace('json = "token"', "pattern = 'token=(\\w+)'")
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [Canned(200, body, [("Content-Encoding", coding)])]
        outcome = await end_system.login(SESSION, RIGHT)
    assert (outcome.result, outcome.code, bool(outcome.credential)) == (LoginResult.REFUSED, "capture_missing", True)
    assert why in str(outcome.message)


async def test_a_value_before_the_end_of_a_cut_body_is_taken() -> None:
    profile = PROFILE.replace('json = "token"', "pattern = 'token=(\\w+)'")
    assert await captured(Canned(200, f"{LONG};{'x' * 70_000}"), profile) == LONG.removeprefix("token=")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", PLAIN),
        ("", b"\xef\xbb\xbf" + PLAIN),
        ("application/json; charset=iso-8859-1", b"\xef\xbb\xbf" + PLAIN),
        ("", b"\xff\xfe" + JSON.encode("utf-16-le")),
        ("", b"\xfe\xff" + JSON.encode("utf-16-be")),
        ("application/json;charset=ISO-8859-1", JSON.encode("latin-1")),
        ('application/json; Charset = "windows-1252"', JSON.encode("cp1252")),
        ("application/json; charset=utf-16le", JSON.encode("utf-16-le")),
        ("application/json; charset=none-such", PLAIN),
    ],
    ids=["none", "UTF-8 mark", "mark and another charset", "UTF-16", "UTF-16BE", "Latin-1", "quoted", "no mark", "unknown"],
)
async def test_an_answer_is_read_by_its_byte_order_mark_or_its_charset(content_type: str, body: bytes) -> None:
    assert await captured(Canned(200, body, [("Content-Type", content_type)])) == "tök"


@pytest.mark.parametrize(
    "head", ['<?xml version="1.0" encoding="iso-8859-1"?>', '<!DOCTYPE html><meta name=x><META http-equiv="x" charset=latin1>']
)
async def test_a_document_without_a_charset_in_its_header_is_read_by_its_own(head: str) -> None:
    assert await captured(Canned(200, f"{head}<token>tök</token>".encode("latin-1")), IN_XML) == "tök"


@pytest.mark.parametrize("charset", ["unicode_escape", "zlib", "idna", "punycode", "utf-7", "aliases", "..", "x" * 60_000])
def test_a_charset_that_does_more_than_map_bytes_counts_as_utf8(charset: str) -> None:
    assert Response(200, [("Content-Type", f"text/plain; charset={charset}")], b"t\\u0041+AEE-").text == "t\\u0041+AEE-"


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip, gzip"])
def test_a_packing_that_is_not_known_is_named(coding: str) -> None:
    with pytest.raises(CannotUnpack, match=r"^(br|zstd|compress|4 codings, one within the other)$"):
        unpacked(gzip.compress(b"x"), [coding], 100)


@pytest.mark.parametrize(("coding", "body"), [("gzip", b"\x1f\x8bxxxxxxxxxxxxxxxxxxxxx"), ("deflate", b"\x78\x9c\xff\xff")])
def test_a_packing_that_is_damaged_is_named(coding: str, body: bytes) -> None:
    with pytest.raises(CannotUnpack, match=f"^damaged {coding}$"):
        unpacked(body, [coding], 100)


def test_of_a_packed_flood_no_more_than_the_bound_is_ever_in_memory() -> None:
    within = gzip.compress(BOMB)
    tracemalloc.start()
    try:
        assert unpacked(BOMB, ["gzip"], 1000) == (bytes(1000), "")
        assert unpacked(within, ["gzip", "gzip"], 1 << 16) == (bytes(1 << 16), "")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
