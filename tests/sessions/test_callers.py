"""Networks from which anybody may call at all."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.sessions.served import Served, served

NOWHERE = {"errors": {"code": "not_found", "message": "There is nothing at this path."}}


def turned_away(server: Served) -> float:
    text = server.metrics.exposition().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "connector_requests_rejected_total" and sample.labels["kind"] == "caller"
    )


async def test_to_callers_from_elsewhere_there_is_nothing_here_and_they_are_counted(session: str, tmp_path: Path) -> None:
    async with served(tmp_path, 'server.allowed_callers = ["10.0.0.0/8", "::1/128"]') as server:
        answers = [
            await server.opshub.cleanup(session),
            await server.opshub.initialize(session, []),
            await server.opshub.call("/discover"),
            await server.opshub.call("/health/ready"),
            await server.opshub.call("/nowhere"),
        ]
        assert turned_away(server) == len(answers)

    assert [(answer.status, answer.body) for answer in answers] == [(404, NOWHERE)] * len(answers)


@pytest.mark.parametrize("networks", ['["127.0.0.0/8"]', '["10.0.0.0/8", "127.0.0.1"]', '["0.0.0.0/0", "::/0"]'])
async def test_callers_from_there_are_served(session: str, tmp_path: Path, networks: str) -> None:
    async with served(tmp_path, f"server.allowed_callers = {networks}") as server:
        assert (await server.opshub.cleanup(session)).status == 200
        assert turned_away(server) == 0
