"""The act of an end system that fails: each failure has to reach OpsHub as what it is."""

from connector.rehearsal.checks import Check
from connector.rehearsal.front import Failure, Front
from connector.rehearsal.stage import NO_CALL, RehearsedSession, Stage

NO_END_SYSTEM = "no end system was given; --end-system URL stands before it"
AWAY = frozenset([502, 503, 504])
EXPECTED = {
    Check.END_SYSTEM_LIMIT: (Failure.LIMITED, frozenset([403])),
    Check.END_SYSTEM_AWAY: (Failure.BROKEN, AWAY),
    Check.END_SYSTEM_LOGIN_LOST: (Failure.UNAUTHORIZED, frozenset([401, 502])),
    Check.END_SYSTEM_LOGIN_REFUSED_AGAIN: (Failure.UNAUTHORIZED, AWAY),
}
"""How the end system fails, and what OpsHub may be answered. The last one comes after another initialize."""


async def the_end_system_fails(stage: Stage) -> None:
    """Work while the end system limits, breaks off, and refuses the login, also after another initialize."""
    session = stage.session
    if stage.front is not None and stage.script.calls:
        session = await stage.open_session(0)
    if stage.front is None or not session.own_login or not stage.script.calls:
        for check in EXPECTED:
            stage.notes.skip(check, NO_END_SYSTEM if stage.front is None else stage.why_no_login or NO_CALL)
        return
    *first, last = EXPECTED
    for check in first:
        await _fail(stage, stage.front, session, check)
    session = await stage.open_session(1, check=Check.INITIALIZE_AGAIN, session_id=session.id)
    await _fail(stage, stage.front, session, last)
    await stage.cleanup(session, Check.CLEANUP, 0)


async def _fail(stage: Stage, front: Front, session: RehearsedSession, check: Check) -> None:
    failure, accepted = EXPECTED[check]
    for call in stage.script.calls:
        before = front.failed
        with front.failing(failure):
            answer = await stage.opshub.call(call, session.headers, 0)
        if front.failed > before:
            stage.opshub.judge(check, answer, passed=answer.status in accepted, about=str(call))
        else:
            stage.notes.skip(check, f"{call} was answered without asking the end system")
