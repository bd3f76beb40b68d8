"""From the records of a logout's requests to its outcome."""

from collections.abc import Sequence

from msgspec.structs import replace

from connector.endsystems.profile.leavings import Remnant
from connector.endsystems.profile.record import CAPTURE_MISSING, StepRecord
from connector.endsystems.profile.rules import Verdict
from connector.model.moments import utc
from connector.model.outcomes import NOTHING_TO_END, LivesOn, LogoutOutcome, LogoutResult

STILL_ALIVE = "the end system says that the session is out, but the {credential} still works"
NEVER_ALIVE = LogoutOutcome(
    LogoutResult.REFUSED,
    "never_alive",
    "no probe has ever seen this login's credential alive, so that its logout proves nothing; end the login in the end system",
)
UNREAD = LogoutOutcome(
    LogoutResult.REFUSED,
    CAPTURE_MISSING,
    "the login was made, and what would end it was not found in the end system's answer; end the login in the end system",
)
ONLY_A_PART = "only a part of the login was ended"


def conclude(records: Sequence[StepRecord], remnant: Remnant | None = None) -> LogoutOutcome:
    """Return the outcome of a logout. A failure decides; then what the probes show; then what the end system said.

    `remnant` tells what is wrong with the credential of a login that has failed.
    """
    if not records:
        return NOTHING_TO_END
    failure = next((record for record in records if record.ends_the_run), None)
    if failure is not None:
        return _failed(failure)
    probes = [record for record in records if record.credential is not None and not record.before]
    living = [record for record in probes if record.verdict is Verdict.ALIVE]
    for record in living:
        if not record.may_live_on:
            return LogoutOutcome(LogoutResult.REFUSED, "still_alive", STILL_ALIVE.format(credential=_named(record)))
    result = _result(records, probes, was_dead=remnant is Remnant.DEAD)
    if result is LogoutResult.ALREADY_OUT and remnant in {Remnant.DEAD, Remnant.UNPROVED}:
        return NEVER_ALIVE
    lives_on = tuple(LivesOn(record.credential or "", record.until) for record in living)
    return LogoutOutcome(result, message=_message(records, living), proved=_proved(records, result), lives_on=lives_on)


def conclude_partly(records: Sequence[StepRecord], remnant: Remnant) -> LogoutOutcome:
    """Return the outcome of a logout of which only some steps could be taken: done if every request was done.

    A step that could not be taken has nothing to end if the login was cut short before it made what the step needs.
    """
    sent = [record for record in records if record.status is not None or record.verdict is Verdict.AWAY]
    failed = [record for record in (sent if remnant is Remnant.CUT_SHORT else records) if record.ends_the_run]
    ended = [record for record in sent if not record.ends_the_run and not record.prepares]
    if not failed and ended:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
    outcome = _failed((failed or records)[0])
    if remnant is Remnant.UNREAD and outcome.result is LogoutResult.REFUSED:
        outcome = UNREAD
    return replace(outcome, message=f"{outcome.message}; {ONLY_A_PART}") if ended else outcome


def _failed(record: StepRecord) -> LogoutOutcome:
    result = LogoutResult.PENDING if record.verdict is Verdict.AWAY else LogoutResult.REFUSED
    return LogoutOutcome(result, record.code, record.message, record.retry_after)


def _result(records: Sequence[StepRecord], probes: Sequence[StepRecord], *, was_dead: bool) -> LogoutResult:
    before = {record.step: record.verdict for record in records if record.before}
    # A credential that was not asked before may have been alive, and its session with it.
    all_before = before.keys() >= {record.step for record in probes if not record.may_live_on}
    was_dead = was_dead or (bool(before) and all_before and {*before.values()} == {Verdict.DEAD})
    was_alive = Verdict.ALIVE in before.values()
    # A preparing step succeeds without a logout, for example by fetching a form's token.
    done = any(record.verdict is Verdict.SUCCESS and not record.prepares for record in records)
    decisive = [record.verdict for record in probes if not record.may_live_on]
    if was_dead or not (done or was_alive):
        return LogoutResult.ALREADY_OUT
    # Without an answer before the logout, nobody knows whether the logout has made it dead.
    if {*decisive} == {Verdict.DEAD} and (was_alive or not before):
        return LogoutResult.VERIFIED
    return LogoutResult.ACKNOWLEDGED if done else LogoutResult.ALREADY_OUT


def _proved(records: Sequence[StepRecord], result: LogoutResult) -> bool | None:
    """Contradict an `already_out` of a session that was alive a moment before; otherwise the probes do not tell."""
    contradicted = result is LogoutResult.ALREADY_OUT and any(
        record.before and record.verdict is Verdict.ALIVE for record in records
    )
    return False if contradicted else None


def _message(records: Sequence[StepRecord], living: Sequence[StepRecord]) -> str | None:
    """Return what a person should know besides the outcome."""
    lives_on = [f"the {_named(record)} lives on" for record in living]
    shown = [record.message for record in records if record.credential is not None and record.verdict is not Verdict.ALIVE]
    told = [message for message in (*shown, records[-1].message) if message]
    return "; ".join(dict.fromkeys([*lives_on, *told])) or None


def _named(record: StepRecord) -> str:
    return f"{record.credential} (until {utc(record.until)})" if record.until is not None else f"{record.credential}"
