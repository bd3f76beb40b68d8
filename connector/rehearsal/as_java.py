"""The act about what OpsHub's Java does by itself: OpsHub's authors see nothing of it."""

from connector.rehearsal.checks import Check
from connector.rehearsal.stage import RehearsedSession, Stage

H2C = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}
"""How `java.net.http` offers HTTP/2 in clear text with its first request."""
OFFERED = frozenset([200, 101])
"""A connector may take the offer. Its answer would follow in HTTP/2, which is not spoken here."""


async def as_java_sends_it(stage: Stage) -> None:
    """Clean up without a length, from a connection that breaks and with the same again, and with an offer of HTTP/2."""
    await _without_length(stage, await stage.open_session(0))
    await _twice(stage)
    await _offering_http_2(stage, await stage.open_session(0))


async def _without_length(stage: Stage, session: RehearsedSession) -> None:
    answer = await stage.opshub.cleanup(session.id, session.headers, _query(stage), 0, without_length=True)
    stage.judge_cleanup(session, Check.CLEANUP_WITHOUT_LENGTH, answer)


async def _twice(stage: Stage) -> None:
    """Send a cleanup, lose the connection before the answer, and send it again at once."""
    # It would fail for the same reason, and each fault is told once.
    if stage.notes.has_failed(Check.CLEANUP_AGAIN):
        stage.notes.skip(Check.CLEANUP_SENT_TWICE, f"see {Check.CLEANUP_AGAIN.id}")
        return
    session = await stage.open_session(0)
    await stage.opshub.leave_cleanup(session.id, session.headers, _query(stage), 0)
    answer = await stage.opshub.cleanup(session.id, session.headers, _query(stage), 0)
    stage.judge_cleanup(session, Check.CLEANUP_SENT_TWICE, answer)


async def _offering_http_2(stage: Stage, session: RehearsedSession) -> None:
    answer = await stage.opshub.cleanup(session.id, {**session.headers, **H2C}, _query(stage), 0)
    stage.judge_cleanup(session, Check.CLEANUP_OFFERING_H2C, answer, OFFERED)


def _query(stage: Stage) -> dict[str, str]:
    return stage.query(global_cache=False)
