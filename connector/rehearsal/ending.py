"""The acts about cleanups: one session of two, an old OpsHub, a configuration change."""

from collections.abc import Sequence

from connector.rehearsal.checks import Check
from connector.rehearsal.client import Reply
from connector.rehearsal.script import Pair
from connector.rehearsal.stage import NO_CALL, Stage

NOT_ENDED = "the cleanup before it was not answered 200"
NO_CHANGE = "no changed settings were given"


async def clean_up(stage: Stage) -> None:
    """End one of two sessions repeatedly, on other replicas than its own. End the other one as before 7.197."""
    replicas = len(stage.script.urls)
    other = await stage.open_session(0)
    ended = await stage.cleanup(stage.session, Check.CLEANUP, replicas - 1)
    await stage.cleanup(stage.session, Check.CLEANUP_AGAIN, 0)
    await stage.cleanup(stage.session, Check.CLEANUP_AGAIN, replicas - 1)
    if ended:
        await stage.expect_unauthorized(stage.session, stage.session.headers, Check.CALL_AFTER_CLEANUP, 0)
    else:
        stage.notes.skip(Check.CALL_AFTER_CLEANUP, NOT_ENDED)
    if other.own_login:
        await stage.call_all(other, Check.CLEANUP_ALONE, range(replicas))
    else:
        stage.notes.skip(Check.CLEANUP_ALONE, stage.why_no_login)
    await stage.cleanup(other, Check.CLEANUP_WITHOUT_PARAMETERS, 1, query={})


async def change_the_configuration(stage: Stage) -> None:
    """Work, change the system's settings in OpsHub, which ends the session with `cleanupGlobalCache=true`, and work again."""
    replicas = range(len(stage.script.urls))
    session = await stage.open_session(0)
    before = await stage.call_all(session, Check.CALLS, replicas) if session.own_login else []
    ended = await stage.cleanup(session, Check.CLEANUP_GLOBAL, 0, stage.query(global_cache=True))
    if stage.script.changed_settings is None:
        stage.notes.skip(Check.CLEANUP_GLOBAL_FRESH, NO_CHANGE)
    elif not ended:
        stage.notes.skip(Check.CLEANUP_GLOBAL_FRESH, NOT_ENDED)
    elif not before:
        stage.notes.skip(Check.CLEANUP_GLOBAL_FRESH, stage.why_no_login or NO_CALL)
    else:
        await _work_with(stage, stage.script.changed_settings, before)


async def _work_with(stage: Stage, settings: Sequence[Pair], before: Sequence[Reply]) -> None:
    """Repeat the calls of `before` in a session with other settings. Each has to get another answer."""
    replicas = range(len(stage.script.urls))
    session = await stage.open_session(0, settings=settings)
    if not session.own_login:
        stage.notes.skip(Check.CLEANUP_GLOBAL_FRESH, stage.why_no_login)
        return
    after = await stage.call_all(session, Check.CALLS, replicas)
    for call, old, new in zip([*stage.script.calls] * len(replicas), before, after, strict=True):
        # A call that failed before has no answer to compare.
        if old.ok and new.ok:
            stale = old.body == new.body
            seen = f"{call}: {'the same as' if stale else 'something else than'} before the change"
            stage.notes.note(Check.CLEANUP_GLOBAL_FRESH, seen, passed=not stale)
    await stage.cleanup(session, Check.CLEANUP, 0)
