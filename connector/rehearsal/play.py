"""The play: the acts in OpsHub's order, their bounds, and the end, which closes every open session."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from connector.model.redaction import Redaction
from connector.rehearsal.as_java import as_java_sends_it
from connector.rehearsal.beginning import discover, initialize, lose_the_session, work
from connector.rehearsal.checks import Check
from connector.rehearsal.client import BudgetSpent, Client
from connector.rehearsal.crowd import many_at_once, strangers
from connector.rehearsal.ending import change_the_configuration, clean_up
from connector.rehearsal.failing import the_end_system_fails
from connector.rehearsal.front import standing_before
from connector.rehearsal.opshub import OpsHubStandIn
from connector.rehearsal.report import Notes, Report
from connector.rehearsal.script import Limits, Script
from connector.rehearsal.stage import RehearsedSession, Stage

Act = Callable[[Stage], Awaitable[None]]
Watch = Callable[[str, int, int], None]
"""Called with the act that begins, how many are over, and how many requests were sent."""

ACTS: dict[str, Act] = {
    "discover on each URL": discover,
    "initialize": initialize,
    "calls from several workers": work,
    "a 401 in the middle": lose_the_session,
    "cleanup, and cleanup again": clean_up,
    "a configuration change": change_the_configuration,
    "an end system that fails": the_end_system_fails,
    "many at once": many_at_once,
    "what Java does by itself": as_java_sends_it,
    "what is not OpsHub's": strangers,
}


async def rehearse(script: Script, limits: Limits | None = None, watch: Watch = lambda _act, _over, _sent: None) -> Report:
    """Play everything against the connector and return the findings. Open sessions are closed, also after a cancellation.

    Raises:
        Unreachable: nobody answers at one of the URLs.
        CannotListen: the port of the end system is taken.
    """
    bounds, notes, begin = limits or Limits(), Notes(Redaction()), time.monotonic()
    async with Client(script.urls, bounds) as client, standing_before(script.end_system, script.end_system_port) as front:
        stage = Stage(OpsHubStandIn(client, script, notes), script, notes, front)
        try:
            await _play(stage, bounds, client, watch)
        finally:
            await _close_what_is_open(stage, client)
    milliseconds = round((time.monotonic() - begin) * 1000)
    return Report(notes.findings(), client.sent, milliseconds)


async def _play(stage: Stage, limits: Limits, client: Client, watch: Watch) -> None:
    try:
        async with asyncio.timeout(limits.total):
            for over, (name, act) in enumerate(ACTS.items()):
                watch(name, over, client.sent)
                await act(stage)
    # In groups, because acts run several calls at once.
    except* TimeoutError:
        stage.notes.note(Check.IN_BOUNDS, f"broken off after {limits.total:g} s", passed=False)
    except* BudgetSpent:
        stage.notes.note(Check.IN_BOUNDS, f"broken off after {limits.requests} requests", passed=False)
    else:
        stage.notes.note(Check.IN_BOUNDS, "within them", passed=True)


async def _close_what_is_open(stage: Stage, client: Client) -> None:
    """End the sessions whose cleanup was not answered 200, or never sent. Each answer has its own time limit."""
    client.allow(len(stage.open))
    async with asyncio.TaskGroup() as cleanups:
        for session in stage.open.values():
            cleanups.create_task(_close(stage, session))


async def _close(stage: Stage, session: RehearsedSession) -> None:
    await stage.opshub.cleanup(session.id, session.headers, stage.query(global_cache=False), 0)
