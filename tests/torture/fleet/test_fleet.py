"""The short form of `make fleet`: each thing happens once, without Patroni."""

from pathlib import Path

import pytest

from tests.torture.fleet.ground import PLAIN, WATCHED, Deployment
from tests.torture.fleet.run import ran, said

pytestmark = pytest.mark.usefixtures("redis_binary", "postgres_binary", "bouncer_binary", "haproxy_binary")


@pytest.mark.parametrize("deployment", [PLAIN, WATCHED], ids=["one Redis", "Sentinels"])
async def test_a_fleet_whose_parts_fail_one_after_the_other_keeps_every_promise(tmp_path: Path, deployment: Deployment) -> None:
    found = await ran(tmp_path, deployment, seed=220)

    assert found.verdict.clean, said(found)
    assert all(answers["200"] > 100 for answers in found.calls.values()), found.calls
    assert found.verdict.open + found.verdict.reaped
    assert found.verdict.no_seat
