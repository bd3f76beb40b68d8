"""The last acts: many at once, and calls that are not OpsHub's."""

import asyncio
from uuid import uuid4

from connector.rehearsal.checks import Check
from connector.rehearsal.stage import RehearsedSession, Stage

SESSIONS = 5
DUPLICATES = 6
FUTURE = {"rehearsedParameter": "1"}
"""A parameter that OpsHub does not send yet."""
FORGED = ("no-uuid", "%2e%2e%2fadmin", "%0d%0aX-Rehearsal%3a%201", "%00", "*", "a" * 300)
"""Path ids, percent-encoded. A server or proxy may refuse all but the first in its own words."""


async def many_at_once(stage: Stage) -> None:
    """Open several sessions of one system at the same time, work in all of them, and end each with several cleanups at once."""
    async with asyncio.TaskGroup() as opening:
        opened = [opening.create_task(stage.open_session(number, check=Check.SESSIONS_AT_ONCE)) for number in range(SESSIONS)]
    sessions = [task.result() for task in opened]
    async with asyncio.TaskGroup() as work:
        for number, session in enumerate(sessions, start=1):
            if session.own_login and stage.script.calls:
                work.create_task(stage.call_all(session, Check.SESSIONS_AT_ONCE, [number]))
    # Duplicates would fail for the same reason, and each fault is told once.
    if stage.notes.has_failed(Check.CLEANUP_AGAIN):
        stage.notes.skip(Check.CLEANUP_DUPLICATES, f"see {Check.CLEANUP_AGAIN.id}")
        return
    async with asyncio.TaskGroup() as ending:
        for session in sessions:
            for replica in range(DUPLICATES):
                ending.create_task(stage.cleanup(session, Check.CLEANUP_DUPLICATES, replica))


async def strangers(stage: Stage) -> None:
    """Call as OpsHub never does, or not yet."""
    await stage.cleanup(RehearsedSession(str(uuid4())), Check.CLEANUP_UNKNOWN, 0, accepted=frozenset([200, 404]))
    session = await stage.open_session(0)
    await _no_boolean(stage, session)
    await stage.cleanup(session, Check.CLEANUP_UNKNOWN_PARAMETER, 0, {**stage.query(global_cache=False), **FUTURE})
    for number, forged in enumerate(FORGED):
        answer = await stage.opshub.cleanup(forged, {}, {}, number, well_formed=number == 0)
        if answer.status not in {401, 403}:
            stage.opshub.judge(Check.CLEANUP_MALFORMED_ID, answer, passed=answer.refuses, about=forged[:20])
    fetched = await stage.opshub.fetch_cleanup(str(uuid4()), 0)
    stage.opshub.judge(Check.CLEANUP_POST_ONLY, fetched, passed=fetched.refuses)


async def _no_boolean(stage: Stage, session: RehearsedSession) -> None:
    query = {**stage.query(global_cache=False), "cleanupGlobalCache": "perhaps"}
    answer = await stage.opshub.cleanup(session.id, session.headers, query, 0)
    if answer.status not in {401, 403}:
        stage.opshub.judge(Check.CLEANUP_MALFORMED_BOOLEAN, answer, passed=answer.refuses)
