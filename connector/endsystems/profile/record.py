"""The record of each request of a login or a logout, and the outcome of them all."""

from collections.abc import Sequence

import msgspec

from connector.endsystems.profile.rules import Verdict
from connector.model.outcomes import NOTHING_TO_END, LogoutOutcome, LogoutResult

STILL_ALIVE = "the end system confirmed the logout, but the old credential still works"


class StepRecord(msgspec.Struct, frozen=True, gc=False):
    """The record of one request. Nothing in it is secret."""

    step: str
    """Its dotted name: `steps[0]`, `verify`."""
    method: str
    url: str
    """Without the session's values: `***` stands for each."""
    verdict: Verdict
    milliseconds: int = 0
    status: int | None = None
    """None if nothing was sent or no answer came."""
    rule: str | None = None
    """The rule that decided, `success[0]`, or `default`."""
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    prepares: bool = False
    """Whether it only fetched what later steps need, so that its success logged nobody out."""

    @property
    def ends_the_run(self) -> bool:
        """Whether no further request makes sense."""
        return self.verdict in {Verdict.AWAY, Verdict.REFUSED}


def conclude(records: Sequence[StepRecord]) -> LogoutOutcome:
    """Return the outcome of a logout. A failure decides; otherwise any step that is done; otherwise it was out already."""
    if not records:
        return NOTHING_TO_END
    last = records[-1]
    # The last request decides, because every failure ends the run.
    match last.verdict:
        case Verdict.AWAY:
            return LogoutOutcome(LogoutResult.PENDING, last.code, last.message, last.retry_after)
        case Verdict.REFUSED:
            return LogoutOutcome(LogoutResult.REFUSED, last.code, last.message)
        case Verdict.ALIVE:
            return LogoutOutcome(LogoutResult.REFUSED, "still_alive", STILL_ALIVE)
    # A preparing step succeeds without a logout, for example by fetching a form's token.
    done = any(record.verdict is Verdict.SUCCESS and not record.prepares for record in records)
    confirmed = LogoutResult.VERIFIED if last.verdict is Verdict.DEAD else LogoutResult.ACKNOWLEDGED
    return LogoutOutcome(confirmed if done else LogoutResult.ALREADY_OUT, message=last.message)


def conclude_partly(records: Sequence[StepRecord], *, may_skip: bool) -> LogoutOutcome:
    """Return the outcome of a logout of which only some steps could be taken: done if every request was done.

    `may_skip` tells whether a step that could not be taken had nothing to end.
    """
    sent = [record for record in records if record.status is not None or record.verdict is Verdict.AWAY]
    failed = [record for record in (sent if may_skip else records) if record.ends_the_run]
    if not failed and not all(record.prepares for record in sent):
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
    told = (failed or records)[0]
    result = LogoutResult.PENDING if told.verdict is Verdict.AWAY else LogoutResult.REFUSED
    return LogoutOutcome(result, told.code, told.message, told.retry_after)
