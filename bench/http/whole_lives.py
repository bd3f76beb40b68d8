"""Whole lives of sessions, over connections of which each leads one life after the other."""

import asyncio
import json
from dataclasses import asdict
from itertools import islice

from bench.http.authored import PROJECTS
from bench.http.lives import DATA, header_line, request
from bench.http.load import SYSTEM, Load, new_sessions
from bench.http.talks import Talk, talk
from bench.measure import isolated
from bench.question import must

CALLS = 3
FIRST = "?first"
"""Tells a server that keeps nothing that this call asks the end system."""
PATIENCE, SLOWEST = 60.0, 20
"""Seconds that the last answers may take, and lives per second that any server leads, on a busy machine."""


async def led(port: int, connections: int, lives: int) -> Load:
    """Lead so many lives from a process on a core of its own."""
    return Load(**await isolated(asked, port=port, connections=connections, lives=lives))


async def asked(port: int, connections: int, lives: int) -> dict[str, float]:
    """Return a `Load`, as a dictionary."""
    async with asyncio.timeout(PATIENCE + lives / SLOWEST):
        talked = await talk(port, connections, map(_life, islice(new_sessions(), lives)))
    return asdict(Load.of(talked.latencies, talked.seconds))


def _life(session: str) -> Talk:
    """Log in, make the calls, and log out."""
    seal = header_line((yield request("POST", f"/initialize/{session}?systemId={SYSTEM}", body="[]")))
    for number in range(CALLS):
        body = yield request("GET", PROJECTS + FIRST * (number == 0), seal)
        must(body == DATA.encode(), "each call is answered what the end system holds")
    report = yield request("POST", f"/cleanup/{session}?systemId={SYSTEM}&cleanupGlobalCache=false", seal)
    must(json.loads(report)["logout"]["outcome"] == "acknowledged", "each cleanup ends the login of its session")
