"""A server that other machines reach without encryption says so."""

import json
from pathlib import Path

import pytest

from tests.e2e.connector_process import connector_process


@pytest.mark.parametrize(("host", "warnings"), [("127.0.0.1", 0), ("localhost", 0), ("0.0.0.0", 1)])
async def test_at_its_start_a_server_warns_once_where_others_can_listen(tmp_path: Path, host: str, warnings: int) -> None:
    with connector_process(tmp_path, "", {"CONNECTOR__SERVER__HOST": host}) as server:
        server.process.terminate()
        await server.exit_code()

    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    told = [line for line in lines if line["level"] == "warning" and "clear text" in line["event"]]
    assert [line["addresses"][0].startswith(host) for line in told] == [True] * warnings
