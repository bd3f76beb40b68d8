"""Which promises hold for a profile, as one login and two logouts of it have shown."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.admin.phrases import moment
from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.profile.record import StepRecord
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from connector.rehearsal.report import CheckResult

PASS, FAIL, WARN, SKIP = CheckResult.PASS, CheckResult.FAIL, CheckResult.WARN, CheckResult.SKIP
NOT_ALIVE = (
    "a new login does not work in the probe: see what is captured, what `[credential]` makes of it, and what the probe sends; "
    "if the login does work, list the answer to a living one under `alive`, and not under `dead`"
)
STILL_ALIVE = "see what the logout sends; if the session is out, `alive` also fits the answer to a dead one"
DONE = frozenset([LogoutResult.VERIFIED, LogoutResult.ACKNOWLEDGED])


@dataclass(frozen=True, slots=True)
class Tried:
    """One logout, and its requests."""

    outcome: LogoutOutcome
    records: Sequence[StepRecord] = ()


@dataclass(frozen=True, slots=True)
class Renewed:
    """One refresh, and its requests, those of the probe included."""

    outcome: LoginOutcome
    records: Sequence[StepRecord]


@dataclass(frozen=True, slots=True)
class LoginTried:
    """One login from its beginning to its end. Nothing in it is printed but its records and its outcomes."""

    login: LoginOutcome
    records: Sequence[StepRecord]
    logout: Tried | None = None
    """None if there is nothing to end."""
    again: Tried | None = None
    """The same logout once more, when the session is out."""
    refresh: Renewed | None = None
    """None if the profile has none."""

    @property
    def is_whole(self) -> bool:
        """Whether the login was made, so that the promises can be looked at."""
        return self.login.result is LoginResult.LOGGED_IN


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise, and whether it holds."""

    id: str
    verdict: CheckResult
    seen: str


def promises(life: LoginTried) -> Iterator[Promise]:
    """Yield what a whole life has shown."""
    if life.logout is None:
        return
    yield Promise("login-ended", *_ended(life.logout.outcome))
    if life.login.code == "not_alive":
        yield Promise("login-proved", FAIL, NOT_ALIVE)
    if not life.is_whole:
        return
    yield Promise("login-proved", *_proved(life))
    if life.refresh is not None:
        yield Promise("refresh-renews", *_renewed(life.refresh.outcome))
    if life.logout.outcome.result is not LogoutResult.NOT_APPLICABLE:
        yield Promise("logout-verified", *_verified(life.logout.outcome))
    if life.again is not None:
        yield Promise("verified-means-ended", *_told_apart(life.logout, life.again))
    for living in life.logout.outcome.lives_on:
        yield Promise("nothing-lives-on", WARN, f"the {living.credential} works after the logout, as the profile allows")


def _ended(outcome: LogoutOutcome) -> tuple[CheckResult, str]:
    if outcome.result is LogoutResult.NOT_APPLICABLE:
        return WARN, "the profile has no logout: each login lives until the end system ends it"
    # Of a login that was made just now: its logout ends something, or uses a wrong credential.
    if outcome.closes and outcome.result is not LogoutResult.ALREADY_OUT:
        return PASS, "the login that was made counts as ended"
    return FAIL, "the login that was made may still be open, and nothing remembers it: end it in the end system"


def _proved(life: LoginTried) -> tuple[CheckResult, str]:
    if life.login.credential.proved:
        return PASS, "the probe has found the new login alive"
    if life.login.message:
        return WARN, life.login.message
    return WARN, "no probe uses all that the logout uses of a new login: a value that is captured wrongly is not noticed"


def _renewed(renewal: LoginOutcome) -> tuple[CheckResult, str]:
    credential = renewal.credential
    if renewal.code == "not_alive":
        return FAIL, "the refresh succeeds, and what it gives does not work in the probe: see what `[[refresh]]` captures"
    if renewal.result is LoginResult.UNAVAILABLE:
        return SKIP, renewal.message or "the end system does not answer now"
    if renewal.result is not LoginResult.LOGGED_IN:
        return FAIL, f"the refresh has not renewed the login: {renewal.message or renewal.code}"
    seen = "which the probe has found alive" if credential.proved else "and no probe shows that all of it works"
    due = "after a 401, because no `expires_in` tells of an end"
    if credential.stale_at is not None:
        due = f"{moment(credential.stale_at, time.time())}, by what `expires_in` tells"
    return (PASS if credential.proved else WARN), f"the refresh gives a new credential, {seen}; the next one is due {due}"


def _verified(outcome: LogoutOutcome) -> tuple[CheckResult, str]:
    match outcome.result:
        case LogoutResult.VERIFIED:
            return PASS, "the old credential works no longer"
        case LogoutResult.ACKNOWLEDGED:
            return WARN, outcome.message or "the end system says that the session is out, and no probe shows it"
        case LogoutResult.ALREADY_OUT:
            return FAIL, "the end system knows nothing of a login that it has just made: the logout uses a wrong credential"
        case LogoutResult.PENDING:
            return SKIP, outcome.message or "the end system does not answer now"
    hint = f"; {STILL_ALIVE}" if outcome.code == "still_alive" else ""
    return FAIL, f"{outcome.message or outcome.code or outcome.result.value}{hint}"


def _told_apart(first: Tried, again: Tried) -> tuple[CheckResult, str]:
    outcome = again.outcome
    match outcome.result:
        case LogoutResult.ALREADY_OUT:
            return PASS, "a second logout says that there was nothing to end"
        case LogoutResult.PENDING:
            return SKIP, outcome.message or "the end system does not answer now"
        case result if result in DONE and _statuses(first) != _statuses(again):
            return WARN, "a second logout counts as a success, though its answer is another: list that one under `already_out`"
        case result if result in DONE:
            return WARN, "a second logout says that it has ended something: a probe with `before = true` tells the two apart"
    return WARN, f"a second logout is refused ({outcome.code}): list its answer under `already_out`, or retries need attention"


def _statuses(tried: Tried) -> Sequence[int | None]:
    return [record.status for record in tried.records if record.credential is None]
