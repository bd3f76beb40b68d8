"""Who holds the seats, and how many wait: to a person and to Prometheus, and no user's name to anybody."""

from http import HTTPStatus
from pathlib import Path

from tests.cli.command import connector
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_seats import cleaned_up, in_line, one, opened, section

PER_USER = 'seats_per = "{setting.user}"'
LONG_ENOUGH = 240.0
"""Seconds, half of which one waits for a seat: longer than the commands take that look, on a busy machine."""


async def test_status_tells_of_each_pool_what_holds_its_seats_and_how_many_wait(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 2, PER_USER, total=LONG_ENOUGH)) as server:
        session = one()
        headers = await opened(server, session)
        await opened(server, one())
        desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        await cleaned_up(server, session, headers)
        (task,) = await in_line(server, one())
        (pool,) = await server.parts.ledger.pools()
        shown = await connector("status", folder=tmp_path)
        told = await connector("status", "--json", folder=tmp_path)
        task.cancel()
    assert f"seats of {pool.name}\t2 of 2 at {desk.url}: 1 open, 1 owed; 1 waiting" in shown.out.splitlines()
    assert told.json["pools"] == [
        {"pool": pool.name, "origin": desk.url, "seats": 2, "held": {"open": 1, "owed": 1}, "waited_for": 1}
    ]
    assert "opshub" not in told.json["pools"][0].values()


async def test_without_seats_neither_status_nor_metrics_tell_of_any(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        await opened(server, one())
        shown = await connector("status", folder=tmp_path)
        assert "connector_seats" not in server.metrics.exposition().decode()
    assert "seats" not in shown.out


async def test_metrics_count_seats_by_what_holds_them_of_all_pools_together(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 2, PER_USER)) as server:
        await opened(server, one())
        figures = server.parts.seat_figures
        assert figures is not None
        await figures.ask(server.parts.ledger.pools)
        lines = server.metrics.exposition().decode().splitlines()
    assert 'connector_seats_held{by="open"} 1.0' in lines
    assert 'connector_seats_held{by="needs_attention"} 0.0' in lines
    assert "connector_seats_waited_for 0.0" in lines
