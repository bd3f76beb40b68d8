"""What a profile captures of an answer, and what it says of a value that is not there."""

import json

import pytest
from pydantic import ValidationError

from connector.endsystems.http.received import ANSWER_LIMIT
from connector.endsystems.http.response import Response
from connector.endsystems.profile.absence import why_missing
from connector.endsystems.profile.extract import Extract
from connector.model.outcomes import LoginResult
from tests.endsystems.faulty import Canned, faulty_system
from tests.endsystems.opened import LOGIN, LOGOUT, RIGHT, SESSION, opened
from tests.quickness import at_most

XML, HTML = "text/xml; charset=utf-8", "text/html"
SOAP = (
    '<?xml version="1.0" encoding="utf-8"?><!-- c --><s:Envelope xmlns:s="urn:s"><s:Body>'
    '<n:loginResponse xmlns:n="urn:n" n:at="a&amp;b">'
    "<n:other/><sid>\n k7&amp;x<!-- --><![CDATA[<&amp;1]]> </sid><sid>2</sid></n:loginResponse></s:Body></s:Envelope>"
)
STRUCT = (
    "<methodResponse><params><param><value><struct>"
    "<member><name>user</name><value><string>u</string></value></member>"
    "<member><name>token</name><value><string>t0</string></value></member>"
    "</struct></value></param></params></methodResponse>"
)


def found(body: str, content_type: str = "", headers: tuple[tuple[str, str], ...] = (), **extract: str) -> str | None:
    given = [("Content-Type", content_type), *headers] if content_type else headers
    return Extract.model_validate(extract).value(Response(200, given, body.encode()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Envelope/Body/loginResponse/sid", "k7&x<&amp;1"),
        ("Envelope/*/*/sid", "k7&x<&amp;1"),
        ("//sid", "k7&x<&amp;1"),
        ("//loginResponse/@at", "a&b"),
        ("Envelope/Body/loginResponse/other", ""),
        ("Body/loginResponse/sid", None),
        ("//loginResponse/@none", None),
        ("//loginResponse[sid=2]/other", ""),
    ],
)
def test_a_value_in_xml_is_found_by_its_path_whatever_its_namespace(path: str, value: str | None) -> None:
    assert found(SOAP, XML, xml=path) == value


def test_a_number_in_json_is_taken_as_it_is_written() -> None:
    body = '{"whole": 12345678901234567890, "part": 3599.50, "power": 1E3, "long": %s}' % ("7" * 5000)
    assert [found(body, json=name) for name in ("whole", "part", "power", "long")] == [
        "12345678901234567890",
        "3599.50",
        "1E3",
        "7" * 5000,
    ]


def test_a_member_of_a_struct_is_found_by_its_name() -> None:
    assert found(STRUCT, XML, xml="//member[name=token]/value/string") == "t0"


@pytest.mark.parametrize("path", ["", "/", "//", "a//b", "a/", "@a", "a/@b/c", "a[b]", "a[b=]", "a b", "..", "a[1]", "//@id"])
def test_a_path_that_is_none_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(ValidationError, match="expected names of elements joined by /, such as"):
        Extract.model_validate({"xml": path})


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY e "x">]>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1:1/">%e;]>',
        '<!DOCTYPE a [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;"><!ENTITY e "&b;&b;&b;">]>',
    ],
)
def test_entities_that_a_document_declares_are_refused_by_name(declaration: str) -> None:
    extract = Extract.model_validate({"xml": "a"})
    answer = Response(200, [("Content-Type", XML)], f"{declaration}<a>&e;</a>".encode())
    assert (extract.value(answer), why_missing(extract, answer)) == (
        None,
        "the body declares entities of its own, which are never read",
    )


def test_an_external_document_type_is_not_fetched_and_its_usual_entities_are_known() -> None:
    assert found('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a>k&eacute;</a>', XML, xml="a") == "ké"


@pytest.mark.parametrize(
    "body",
    [
        "<a>" * (ANSWER_LIMIT // 3),
        "<a>" * 9000 + "</a>" * 9000,
        "<a><b>x</b>" * 3000 + "</a>" * 3000,
        "<a " + "x='1' " * 9000 + "/>",
        "<a>" + "&amp;" * 12_000 + "</a>",
        "<a" * 30_000,
    ],
    ids=["open", "deep", "deep with children", "attributes", "entities", "unclosed"],
)
def test_xml_that_is_hard_to_read_takes_no_time(body: str) -> None:
    with at_most(1):
        for path in ("//a[b=y]/b", "//*/*/*/*/none", "a/@y"):
            assert found(body, XML, xml=path) is None


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        (XML, "<sid>k7&amp;x&lt;1</sid>", "k7&x<1"),
        ("application/soap+xml", "<sid>&#x2B;&#43;&quot;&apos;</sid>", "++\"'"),
        ("", "<sid>a&amp;amp;b</sid>", "a&amp;b"),
        (XML, "<sid><![CDATA[</sid><sid>a&amp;b]]></sid>", "a&amp;b"),
        (XML, "<x><![CDATA[&amp;]]></x><sid>a&amp;b</sid>", "a&b"),
        (HTML, "<script>x</script><sid>a&#x2B;b&eacute;&copy=1&none;&</sid>", "a+bé&copy=1&none;&"),
        (HTML, "<SCRIPT>var x = '<sid>a&amp;b</sid>'</SCRIPT>", "a&amp;b"),
        ("", "<!DOCTYPE html><script><sid>a&amp;b</sid>", "a&amp;b"),
        ("application/json", '"<sid>a&amp;b</sid>"', "a&amp;b"),
        ("text/plain", "<sid>a&amp;b</sid>", "a&amp;b"),
        ("", "see <sid>a&amp;b</sid>", "a&amp;b"),
    ],
)
def test_a_pattern_finds_what_is_meant_by_the_entities_of_markup(content_type: str, body: str, value: str) -> None:
    assert found(body, content_type, pattern=r"<sid>(?:<!\[CDATA\[</sid><sid>)?([^<\]]+)") == value


def test_the_attribute_of_a_script_is_written_with_entities_its_text_is_not() -> None:
    assert found('<script nonce="a&amp;b">"c&amp;d"', HTML, pattern='nonce="([^"]+)"') == "a&b"
    assert found('<script nonce="a&amp;b">"c&amp;d"', HTML, pattern='>"([^"]+)"') == "c&amp;d"


DOCUMENT = json.dumps({"a.b": {"@odata.id": "/x/1", "": 5, "c/d~e": [{"k": "v"}, "w"]}, "": "empty", "n": {"0": "zero"}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/a.b/@odata.id", "/x/1"),
        ("/a.b/c~1d~0e/0/k", "v"),
        ("/a.b/c~1d~0e/1", "w"),
        ("/a.b/", "5"),
        ("/", "empty"),
        ("/n/0", "zero"),
        ("n.0", "zero"),
        ("/a.b/c~1d~0e/9", None),
        ("/a.b", None),
        ("a.b.@odata.id", None),
    ],
)
def test_a_value_in_json_is_found_by_dots_or_by_a_pointer(path: str, value: str | None) -> None:
    assert found(DOCUMENT, json=path) == value


@pytest.mark.parametrize(
    ("extract", "value"),
    [
        ({"header": "Location", "query": "code"}, "4/0AX+ é"),
        ({"header": "Location", "query": "access_token"}, "t=1"),
        ({"header": "Location", "query": "empty"}, None),
        ({"header": "location", "pattern": "state=([a-z]+)"}, "abc"),
        ({"json": "logoutUrl", "query": "sid"}, "9"),
        ({"json": "logoutUrl", "pattern": r"/([^/?]+)\?"}, "out"),
        ({"cookie": "C", "pattern": "^s%3A([^.]+)"}, "abc"),
        ({"header": "X-Two", "pattern": "b=(.)"}, "2"),
    ],
)
def test_a_part_of_what_is_found_is_taken(extract: dict[str, str], value: str | None) -> None:
    headers = (
        ("Location", "https://a/cb?state=abc&code=4%2F0AX%2B+%C3%A9&empty=#access_token=t%3D1"),
        ("Set-Cookie", "C=s%3Aabc.sig"),
        ("X-Two", "a=1"),
        ("X-Two", "b=2"),
    )
    assert found('{"logoutUrl": "/out?sid=9"}', headers=headers, **extract) == value


@pytest.mark.parametrize(
    "extract",
    [
        {},
        {"query": "a"},
        {"header": "A", "json": "a"},
        {"xml": "a", "cookie": "a"},
        {"header": "A", "query": "a", "pattern": "(a)"},
        {"cookies": "*", "query": "a"},
        {"header": "A", "pattern": "a"},
    ],
)
def test_a_capture_of_two_sources_or_none_is_refused(extract: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"expected (exactly one of header|no pattern and no cookies|a pattern with)"):
        Extract.model_validate(extract)


LONG = '{"x": "' + "x" * ANSWER_LIMIT + '", "token": "t"}'


@pytest.mark.parametrize(
    ("extract", "answer", "why"),
    [
        (
            '{ json = "token" }',
            Canned(200, b"\x8bx", [("Content-Encoding", "br")]),
            "the body is compressed (br), and could not be",
        ),
        ('{ json = "token" }', Canned(200, LONG), "only the first 64 KiB of the body are read"),
        ('{ pattern = \'"token": "(t)"\' }', Canned(200, LONG), "only the first 64 KiB of the body are read"),
        ('{ json = "token" }', Canned(200, "<p>", [("Content-Type", "text/html;x=y")]), "the body is not JSON but text/html"),
        ('{ json = "token" }', Canned(200, "no"), "the body is not JSON"),
        ('{ xml = "//token" }', Canned(200, "<a>"), "the body is not XML"),
        ('{ json = "tokn" }', Canned(200, '{"token": "t"}'), "the body has no `tokn`"),
        ('{ json = "a.1.c.d" }', Canned(200, '{"a": [0]}'), "the body has no `a.1`"),
        ('{ json = "/a~1b/c/d" }', Canned(200, '{"a/b": {"c": 1}}'), "the body has no `/a~1b/c/d`"),
        ('{ json = "a" }', Canned(200, '{"a": {"token": "t"}}'), "`a` is an object"),
        ('{ json = "a.1" }', Canned(200, '{"a": ["t", null]}'), "`a.1` is null"),
        ('{ json = "a" }', Canned(200, '{"a": ""}'), "`a` is empty"),
        ('{ json = "a", pattern = "^T(.*)" }', Canned(200, '{"a": "t1"}'), "the pattern fits nothing in `a`, or its group"),
        ('{ pattern = "name=(.+)" }', Canned(200, "value=1"), "the pattern fits nothing in the body"),
        ('{ xml = "//token" }', Canned(200, "<a/>"), "the body has nothing at this path"),
        ('{ xml = "//token" }', Canned(200, "<token/>"), "the element is empty"),
        ('{ header = "Location" }', Canned(200), "the answer has no header `Location`"),
        (
            '{ header = "Location", query = "code" }',
            Canned(200, headers=[("Location", "/?c=1")]),
            "the header `Location` has no",
        ),
        ('{ cookie = "SID" }', Canned(200, headers=[("Set-Cookie", "sid=x")]), "the answer sets no cookie `SID`"),
        (
            '{ cookie = "SID", pattern = "a(.)" }',
            Canned(200, headers=[("Set-Cookie", "SID=x")]),
            "the pattern fits nothing in the cookie `SID`",
        ),
        ('{ cookies = "S_*" }', Canned(200, headers=[("Set-Cookie", "S_1=x; Path=/other")]), "no such cookie is left for the"),
        ('{ cookie = "SID" }', Canned(200, headers=[("Set-Cookie", "SID=x; Max-Age=0")]), "the answer deletes this cookie"),
    ],
)
async def test_a_login_without_its_value_tells_what_its_answer_was(extract: str, answer: Canned, why: str) -> None:
    profile = LOGOUT.format(path="logout") + LOGIN.format(path="login").replace('{ json = "token" }', extract)
    async with faulty_system() as system, opened(profile, base_url=system.url) as end_system:
        system.answers = [answer]
        outcome = await end_system.login(SESSION, RIGHT)
    assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "capture_missing")
    assert (outcome.message or "").startswith(f"login[0]: `captured.token` was not found in the answer: {why}")
