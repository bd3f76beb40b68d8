"""What a browser sends because a page told it to is answered as if there was nothing here."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp.web import TCPSite

from connector.api.hosts import Hosts
from connector.api.metrics_endpoint import metrics_app
from connector.api.parser import guarded_runner
from connector.config.settings import LogsSection, ServerSection
from connector.telemetry.metrics import Metrics
from tests.api.log import logged
from tests.callers.sent import CLEANUP, sent, sent_by_socket
from tests.control.administered import administered
from tests.metrics.exposition import value
from tests.sessions.served import Served
from tests.sessions.test_cleanup import SEAL, opened

HERE = "Host: localhost"
PAGES = {
    "another site's form": ("Origin: https://evil.example", "Content-Type: text/plain"),
    "a page without an origin": ("Origin: null",),
    "an empty origin": ("Origin:",),
    "a page of a name that leads here": ("Origin: http://localhost",),
    "another site": ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    "the same site": ("Sec-Fetch-Site: same-site",),
    "the same origin": ("sec-fetch-site: same-origin",),
    "a word that is not known": ("Sec-Fetch-Site: None",),
    "an empty word": ("Sec-Fetch-Site:",),
    "two words": ("Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"),
}
GLOBAL = f"/cleanup/{uuid4()}?systemId=A&cleanupGlobalCache=true"


def counted(server: Served, kind: str) -> float:
    return value(server.metrics.exposition().decode(), "connector_requests_rejected_total", kind=kind) or 0


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_to_a_web_page_there_is_nothing_at_any_path(server: Served, headers: tuple[str, ...]) -> None:
    answers = [
        await sent(server.url, GLOBAL, HERE, *headers, method="POST"),
        await sent(server.url, f"/sdk-api/api/1.0{CLEANUP}", HERE, *headers, method="POST"),
        await sent(server.url, f"/initialize/{uuid4()}", HERE, *headers, method="POST", body="[]"),
        await sent(server.url, "/discover", HERE, *headers),
        await sent(server.url, "/about", HERE, *headers),
        await sent(server.url, "/health/ready", HERE, *headers),
        await sent(server.url, "/health/live", HERE, *headers, method="OPTIONS"),
        await sent(server.url, "/nowhere", HERE, *headers),
    ]

    assert [answer.refused for answer in answers] == [True] * len(answers)
    assert counted(server, "browser") == len(answers)


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_a_web_page_evicts_nothing_and_replaces_no_session(server: Served, session: str, headers: tuple[str, ...]) -> None:
    seal = f"{SEAL}: {(await opened(server, session))[SEAL]}"
    before = await sent(server.url, "/cached", HERE, seal)

    await sent(server.url, GLOBAL, HERE, *headers, method="POST")
    await sent(server.url, f"/initialize/{session}?systemId=A", HERE, *headers, method="POST", body="[]")
    await sent(server.url, f"/cleanup/{session}?systemId=A", HERE, seal, *headers, method="POST")

    assert before.status == 200
    assert await sent(server.url, "/cached", HERE, seal) == before


async def test_an_address_that_a_person_typed_is_served(server: Served) -> None:
    assert (await sent(server.url, "/health/ready", HERE, "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")).status == 200


async def test_the_log_says_why_a_web_page_was_turned_away(server: Served) -> None:
    with logged(LogsSection(format="json")) as log:
        await sent(server.url, "/discover", HERE, "Origin: https://evil.example")

    [line] = [line for line in log.lines if line["event"] == "request"]
    assert (line["status"], line["refused"].split(",")[0]) == (404, "a web page calls")
    assert "evil" not in log.text


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_web_pages_read_no_metrics(headers: tuple[str, ...]) -> None:
    runner = guarded_runner(metrics_app(Metrics(), Hosts([], "127.0.0.1")), ServerSection())
    await runner.setup()
    try:
        await TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        assert (await sent(url, "/metrics", HERE, *headers)).refused
        assert (await sent(url, "/metrics", "Host: evil.example")).refused
        assert (await sent(url, "/metrics", HERE)).status == 200
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
async def test_web_pages_do_not_reach_a_control_socket_that_was_forwarded(tmp_path: Path, headers: tuple[str, ...]) -> None:
    async with administered(tmp_path) as server:
        debt, socket = await server.refused(1), str(tmp_path / "control.sock")
        reason = json.dumps({"reason": "x"})
        answers = [
            await sent_by_socket(socket, "/status", HERE, *headers),
            await sent_by_socket(socket, f"/owed/{debt.id}/retry", HERE, *headers, method="POST"),
            await sent_by_socket(socket, f"/owed/{debt.id}/dismiss", HERE, *headers, method="POST", body=reason),
        ]
        assert [answer.refused for answer in answers] == [True] * 3
        assert (await server.ledger.debt(debt.id)).state is debt.state
        assert (await sent_by_socket(socket, "/status", "Host: whatever")).status == 200
