"""A clock that differs from that of this machine is told: the end system's, and that of the ledger's database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest

from connector.config.settings import EndSystemSection, LedgerSection
from connector.doctor.clock import clock_finding
from connector.doctor.finding import Condition, DoctorFinding
from connector.doctor.ledger_database import database_findings
from connector.doctor.reach import end_system_findings
from tests.ports import HOST
from tests.postgres import Postgres

HOUR = 3600.0


@asynccontextmanager
async def end_system(date: str) -> AsyncIterator[str]:
    """Answer each request with this line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HEAD / HTTP/1.1\r\n")
        writer.write(f"HTTP/1.1 404 Not Found\r\n{date}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


async def clock(date: str) -> DoctorFinding | None:
    async with end_system(date) as url:
        section = EndSystemSection(profile="jira-datacenter", base_url=url)
        found = {each.name: each for each in await end_system_findings(section, {})}
    assert found["end-system-address"].condition is Condition.SOUND
    return found.get("end-system-clock")


async def test_an_end_system_with_the_right_time_is_sound() -> None:
    found = await clock(f"Date: {formatdate(usegmt=True)}\r\n")

    assert found is not None
    assert found.condition is Condition.SOUND


@pytest.mark.parametrize(("off", "said"), [(HOUR, "ahead of"), (-HOUR, "behind")])
async def test_an_end_system_with_another_time_is_a_warning(off: float, said: str) -> None:
    found = await clock(f"Date: {formatdate(time.time() + off, usegmt=True)}\r\n")

    assert found is not None
    assert (found.condition, said in found.seen) == (Condition.WARNING, True)


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n"])
async def test_an_end_system_that_tells_no_time_is_not_judged(date: str) -> None:
    assert await clock(date) is None


def test_a_slow_answer_makes_no_clock_wrong() -> None:
    assert clock_finding("x", 1000.0, 1000.0, 1030.0).condition is Condition.SOUND
    assert clock_finding("x", 1000.0, 1030.0, 1030.0).condition is Condition.SOUND
    assert clock_finding("x", 1000.0, 1036.0, 1030.0).condition is Condition.WARNING
    assert clock_finding("x", 1000.0, 994.0, 1030.0).condition is Condition.WARNING


def test_the_clock_of_the_ledgers_database_is_looked_at(postgres: Postgres) -> None:
    ledger = LedgerSection(store="postgres", dsn_env="LEDGER_DSN")

    environ = {"LEDGER_DSN": postgres.dsn(postgres.new_database())}
    found = {each.name: each for each in database_findings(ledger, environ)}

    assert found["ledger-database-clock"].condition is Condition.SOUND
