"""What other web pages, other names and old pages cannot do; and what the browser is told about each answer."""

import re
from html import unescape
from pathlib import Path

import pytest

from connector.config.settings import ConsoleSection, ServerSection
from tests.console.visitor import Visitor, visitor_of
from tests.control.administered import Administered, administered

CLOSE = "/sessions/6f1c1d2e-0000-4000-8000-000000000001/close"


async def close(visitor: Visitor, fields: dict[str, str], **headers: str) -> int:
    return (await visitor.post(CLOSE, {"login": "login 1", **fields}, **headers)).status


async def token_of(visitor: Visitor) -> str:
    return (await visitor.get(f"{CLOSE}?login=login+1")).form("/close")["csrf"]


async def test_a_form_without_the_token_of_its_page_does_nothing(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    async with visitor_of(server) as other:
        of_another_login = await token_of(other)

    assert await close(visitor, {}) == 403
    assert await close(visitor, {"csrf": "wrong"}) == 403
    assert await close(visitor, {"csrf": of_another_login}) == 403
    assert server.live.login_of(opened.session_id) == "login 1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
async def test_another_page_can_send_no_form(server: Administered, visitor: Visitor, headers: dict[str, str]) -> None:
    opened = await server.open(1)

    assert await close(visitor, {"csrf": await token_of(visitor)}, **headers) == 403
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_a_form_without_origin_does_nothing(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    fields = {"login": "login 1", "csrf": await token_of(visitor)}

    assert (await visitor.ask("POST", visitor.base + CLOSE, data=fields)).status == 403
    assert server.live.login_of(opened.session_id) == "login 1"


async def test_an_own_page_can_send_a_form(server: Administered, visitor: Visitor) -> None:
    await server.open(1)

    assert await close(visitor, {"csrf": await token_of(visitor)}, Sec_Fetch_Site="same-origin") == 200


async def test_another_page_cannot_even_ask_for_a_page(visitor: Visitor) -> None:
    for site in ("cross-site", "same-site"):
        assert (await visitor.get("/sessions", Sec_Fetch_Site=site)).status == 403
    assert (await visitor.get("/sessions", Sec_Fetch_Site="none")).status == 200


async def test_a_link_elsewhere_leads_to_the_entrance_and_no_further(server: Administered) -> None:
    async with visitor_of(server, enters=False) as visitor:
        seen = await visitor.ask("GET", "/", headers={"Sec-Fetch-Site": "cross-site"})

    assert (seen.status, "Code or token" in seen.words) == (200, True)


async def test_a_page_with_a_name_of_its_own_for_this_machine_gets_nothing(visitor: Visitor) -> None:
    assert (await visitor.get("/", Host="evil.example")).status == 404


async def test_a_configured_name_and_this_machines_own_both_lead_to_the_console(tmp_path: Path) -> None:
    server_section = ServerSection(allowed_hosts=["console.example.org"])
    console = ConsoleSection(enabled=True, port=0)
    async with administered(tmp_path, console, server_section) as server, visitor_of(server) as visitor:
        assert (await visitor.get("/", Host="console.example.org")).status == 200
        assert (await visitor.get("/", Host="evil.example")).status == 404


async def test_a_proxy_may_call_the_console_by_another_name_than_the_browser(tmp_path: Path) -> None:
    server_section = ServerSection(allowed_hosts=["console.example.org"])
    async with administered(tmp_path, ConsoleSection(enabled=True, port=0), server_section) as server:
        await server.open(1)
        async with visitor_of(server) as visitor:
            fields = {"csrf": await token_of(visitor)}
            assert await close(visitor, fields, Origin="https://evil.example.org") == 403
            assert await close(visitor, fields, Origin="https://console.example.org") == 200


async def test_every_answer_forbids_what_its_pages_do_not_need(server: Administered, visitor: Visitor) -> None:
    await server.open(1)
    paths = ["/", "/sessions", "/owed", "/nowhere", "/sessions/x", "/sessions?idle=x", f"{CLOSE}?login=other"]
    answers = [await visitor.get(path) for path in paths]
    answers += [await visitor.ask("GET", f"/static/{name}") for name in ("console.js", "nothing")]
    answers += [await visitor.post(path, {}) for path in ("/", "/logout")]

    assert {answer.status for answer in answers} == {200, 400, 403, 404, 405}
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Server"] == "opshub-connector"


async def test_pages_are_kept_nowhere(visitor: Visitor) -> None:
    assert (await visitor.get("/sessions")).headers["Cache-Control"] == "no-store"


async def test_no_page_has_a_script_or_a_style_within_it(server: Administered, visitor: Visitor) -> None:
    opened = await server.open(1)
    debt = await server.refused(2)
    paths = ["/", "/sessions", f"/sessions/{opened.session_id}", f"{CLOSE}?login=login+1", "/owed", f"/owed/{debt.id}/dismiss"]

    for path in paths:
        seen = await visitor.get(path)
        assert seen.status == 200
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", seen.text)
        assert {*re.findall(r'(?:src|href)="(https?:|//)', seen.text)} == set()


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "' onclick='x"])
async def test_what_comes_from_elsewhere_is_text_on_every_page(server: Administered, visitor: Visitor, evil: str) -> None:
    opened = await server.open(1, system_id=evil)
    debt = await server.refused(2, system=evil)
    paths = ["/sessions", f"/sessions/{opened.session_id}", f"{CLOSE}?login=login+1", "/owed", f"/owed/{debt.id}"]

    for path in paths:
        seen = await visitor.get(path)
        assert seen.status == 200
        assert evil in unescape(seen.text)
        assert "<script>alert" not in seen.text
        assert "<img" not in seen.text
        assert "' onclick='x" not in seen.text
        assert "49" not in seen.words.replace(debt.session_id, "").replace(opened.session_id, "") or "{{" not in evil


async def test_a_body_that_is_no_form_or_has_too_many_fields_is_refused(visitor: Visitor) -> None:
    own = {"Origin": visitor.origin}
    form = {**own, "Content-Type": "application/x-www-form-urlencoded"}
    as_json = await visitor.ask("POST", visitor.base + CLOSE, json={"csrf": "x"}, headers=own)
    crowded = await visitor.post(CLOSE, {f"field{number}": "" for number in range(33)})
    broken = await visitor.ask("POST", visitor.base + CLOSE, data=b"\xff", headers=form)

    assert (as_json.status, crowded.status, broken.status) == (415, 400, 400)


@pytest.mark.parametrize("name", ["..%2fassets.py", "%2e%2e/assets.py", "console.css%00", ".."])
async def test_no_other_file_than_the_static_ones_is_served(visitor: Visitor, name: str) -> None:
    assert (await visitor.ask("GET", f"/static/{name}")).status == 404
