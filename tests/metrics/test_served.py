"""The metrics of a running server, on an address of their own."""

import asyncio
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.cli.command import connector
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.metrics.exposition import value

CANARY = "c4nary"
SESSION = "6f1c1d2e-0000-4000-8000-000000000001"


async def test_a_server_counts_what_it_answers_and_rejects_without_values_of_requests(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(30):
            await opshub.cleanup(SESSION, {"Authorization": CANARY}, {"systemId": CANARY, "cleanupGlobalCache": "true"})
            await opshub.cleanup(CANARY)
            await send_nonsense(server.url)
            text = await scraped(server)

    assert value(text, "connector_cleanups_total", status="200") == 1
    assert value(text, "connector_cleanups_total", status="400") == 1
    assert value(text, "connector_evictions_total", driver="sqlite", outcome="evicted") == 1
    assert value(text, "connector_logouts_total", outcome="not_applicable", attempt="first") == 0  # nothing was tried
    assert value(text, "connector_requests_rejected_total", kind="BadHttpMethod") == 1
    assert value(text, "connector_build_info", version="0.1.0") == 1
    assert CANARY not in text
    assert SESSION not in text


async def test_an_address_that_is_taken_is_named_and_may_be_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = {"CONNECTOR__METRICS__PORT": str(port), "CONNECTOR__SERVER__PORT": "0", "CONNECTOR__LOGS__LEVEL": "error"}

        ended = await connector("serve", folder=tmp_path, environ=environ)

    assert ended.exit_code == 75
    assert ended.err.startswith(f"metrics.port: another program listens on port {port} of 127.0.0.1")


async def test_switched_off_nothing_is_served(tmp_path: Path) -> None:
    with connector_process(tmp_path, "", {"CONNECTOR__METRICS__ENABLED": "false"}) as server:
        status = await connector("status", "--json", folder=server.config.parent)

        with pytest.raises(StopIteration):
            metrics_url(server)
    assert (status.exit_code, status.json["metrics"]) == (0, None)


async def scraped(server: ConnectorProcess) -> str:
    async with aiohttp.ClientSession() as http, http.get(metrics_url(server)) as answer:
        assert (answer.status, answer.headers["Server"]) == (200, "opshub-connector")
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return await answer.text()


def metrics_url(server: ConnectorProcess) -> str:
    """Return where the server says that it serves its metrics."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    return next(str(line["url"]) for line in lines if line["event"] == "serving metrics")


async def send_nonsense(url: str) -> None:
    """Send what is no HTTP, and wait until it is answered."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"{CANARY}\x01 / HTTP/1.1\r\n\r\n".encode())
    await reader.read()
    writer.close()
    await writer.wait_closed()
