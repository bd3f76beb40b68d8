"""No value of a credential leaves its place: what a real server receives is decoded by other means than ours, and compared."""

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from unicodedata import normalize
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.model.outcomes import LogoutOutcome, LogoutResult
from tests.endsystems.faulty import FaultySystem, Received, faulty_system
from tests.endsystems.opened import login, opened

PROFILE = """
description = "A value in every place"

[[steps]]
method = "POST"
url = "{base_url}/status/{credential.V}/200?a={credential.V}&b=1"
query = { "q&" = "<{credential.V}>", last = "1" }
success = [200]
%s
"""
FORM = 'form = { "f=" = "<{credential.V}>", last = "1" }'
JSON = 'json = { outer = [{ "k\\"" = "<{credential.V}>", n = 1 }], last = true }'
XML = (
    'headers = { Content-Type = "text/xml" }\n'
    """text = '<r a="{credential.V}"><v>{credential.V}</v><last/></r>'"""
)
TEXT = 'headers = { Content-Type = "text/plain" }\ntext = "{credential.V}"'
HEADER = 'headers = { X-V = "<{credential.V}>", X-Last = "1" }'
COOKIE = 'cookies = { v = "{credential.V}", last = "1" }'
BASIC = 'basic = { username = "{credential.V}", password = "<{credential.V}>" }'
ENCODED_BASIC = 'basic = { username = "{credential.V}", password = "<{credential.V}>", form_encoded = true }'

# fmt: off
NASTY = [
    "..", ".", "../x", "a/../../b", "%2e%2e", "..;a", "a\\..\\b", "?", "#x", "a;b", "a&b=c", "a=b", "%", "%0d%0a", "a+b", "a b",
    "a:b", "a\r\nX-Evil: 1", "\0", "\x7f", "\\", 'a"b', "a'b", "a,b", "<x/>", "]]>", "&amp;",
    "{base_url}", "é", "€", "\U0001f600",
]
# fmt: on
values = st.one_of(st.sampled_from(NASTY), st.text(min_size=1), st.text("./\\;%2eE&=?#", min_size=1, max_size=12))
steadily = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(slots=True)
class Bench:
    """A faulty end system and its profiles, one for each place, on a loop that outlives the examples of a test."""

    runner: asyncio.Runner
    system: FaultySystem
    ways: AsyncExitStack
    opened: dict[str, HttpEndSystem] = field(default_factory=dict)

    def send(self, place: str, value: str) -> tuple[LogoutOutcome, Received | None]:
        """Send `value` in a place; returns what became of it and what the server received."""
        self.system.received.clear()
        outcome = self.runner.run(self._logout(place, value))
        received = self.system.received[0] if self.system.received else None
        assert (outcome.result is LogoutResult.ACKNOWLEDGED) is (received is not None)
        return outcome, received

    async def _logout(self, place: str, value: str) -> LogoutOutcome:
        if place not in self.opened:
            self.opened[place] = await self.ways.enter_async_context(opened(PROFILE % place, base_url=self.system.url))
        return await self.opened[place].logout(login(V=value))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        ways = AsyncExitStack()
        yield Bench(runner, runner.run(ways.enter_async_context(faulty_system())), ways)
        runner.run(ways.aclose())


def meant(value: str) -> str:
    """The value of a header as HTTP means it."""
    return value.strip(" \t")


def walks(value: str) -> bool:
    """Whether a path of this value would lead up for some server, which may decode it several times."""
    read = meant(value)
    for _ in range(8):
        segments = [re.split(r"[;?#\0]", segment)[0] for segment in re.split(r"[/\\]", normalize("NFKC", read))]
        if any(re.sub(r"^[\s\0-\x1f\x7f]+|[\s\0-\x1f\x7f]+$", "", segment) in {".", ".."} for segment in segments):
            return True
        read = unquote(read)
    return False


@steadily
@given(value=values)
def test_a_value_in_the_url_stays_in_its_segment_and_its_parameter(bench: Bench, value: str) -> None:
    outcome, received = bench.send("", value)
    if received is None:
        assert (
            outcome.code == "credential_missing" if not meant(value) else (outcome.code == "target_not_allowed" and walks(value))
        )
        return
    path, _, query = received.target.partition("?")
    assert [unquote(segment) for segment in path.split("/")] == ["", "status", meant(value), "200"]
    assert parse_qsl(query) == [("a", meant(value)), ("b", "1"), ("q&", f"<{meant(value)}>"), ("last", "1")]


@steadily
@given(value=values.filter(lambda value: meant(value) and not walks(value)))
def test_a_value_in_a_body_stays_in_its_field(bench: Bench, value: str) -> None:
    _, form = bench.send(FORM, value)
    assert form
    assert parse_qsl(form.body.decode(), strict_parsing=True) == [("f=", f"<{meant(value)}>"), ("last", "1")]
    _, structure = bench.send(JSON, value)
    assert structure
    assert json.loads(structure.body) == {"outer": [{'k"': f"<{meant(value)}>", "n": 1}], "last": True}
    _, text = bench.send(TEXT, value)
    assert text
    assert text.body.decode() == meant(value)


@steadily
@given(value=values.filter(lambda value: meant(value) and not walks(value)))
def test_a_value_in_xml_is_text_or_refused(bench: Bench, value: str) -> None:
    outcome, received = bench.send(XML, value)
    if received is None:
        assert outcome.code == "credential_malformed"
        assert re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", value)
        return
    root = ET.fromstring(received.body)
    assert (root.attrib, [child.tag for child in root], root[0].text) == ({"a": meant(value)}, ["v", "last"], meant(value))


@steadily
@given(value=values.filter(lambda value: meant(value) and not walks(value)))
def test_a_value_in_a_header_is_the_same_bytes_or_refused(bench: Bench, value: str) -> None:
    outcome, received = bench.send(HEADER, value)
    if received is None:
        assert outcome.code == "credential_malformed"
        assert re.search(r"[^\t\x20-\x7e\xa0-\xff]", value)
        return
    assert (received.header("x-v"), received.header("x-last")) == (f"<{meant(value)}>".encode(), b"1")
    assert len([name for name, _ in received.headers if name.startswith("x-")]) == 2


@steadily
@given(value=values.filter(lambda value: meant(value) and not walks(value)))
def test_a_value_in_a_cookie_is_the_same_or_refused(bench: Bench, value: str) -> None:
    outcome, received = bench.send(COOKIE, value)
    if received is None:
        assert outcome.code == "credential_malformed"
        assert re.search(r'[^\x21-\x7e]|[",;\\]', meant(value))
        return
    pairs = [pair.strip().partition("=") for pair in received.header("cookie").decode().split(";")]
    assert [(name, content) for name, _, content in pairs] == [("v", meant(value)), ("last", "1")]


@steadily
@given(value=values.filter(lambda value: meant(value) and not walks(value)))
def test_a_value_in_basic_authentication_is_name_or_password_or_refused(bench: Bench, value: str) -> None:
    outcome, received = bench.send(BASIC, value)
    if received is None:
        assert outcome.code == "credential_malformed"
        assert re.search(r"[:\x00-\x1f\x7f]", meant(value))
    else:
        username, _, password = b64decode(received.header("authorization").removeprefix(b"Basic ")).decode().partition(":")
        assert (username, password) == (meant(value), f"<{meant(value)}>")
    _, received = bench.send(ENCODED_BASIC, value)
    assert received
    pair = b64decode(received.header("authorization").removeprefix(b"Basic ")).decode()
    assert [parse_qsl(f"x={part}")[0][1] for part in pair.split(":")] == [meant(value), f"<{meant(value)}>"]


def test_bytes_that_are_not_utf8_are_refused_rather_than_sent_as_another_credential(bench: Bench) -> None:
    latin = b"caf\xe9".decode(errors="surrogateescape")
    for place in ("", FORM, JSON, XML, TEXT, HEADER, COOKIE, BASIC, ENCODED_BASIC):
        outcome, received = bench.send(place, latin)
        assert received is None
        assert outcome.code == "credential_malformed"
