"""Which promises hold for a profile, as one login and two logouts of it have shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.profile.record import StepRecord
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from connector.rehearsal.report import CheckResult

PASS, FAIL, WARN, SKIP = CheckResult.PASS, CheckResult.FAIL, CheckResult.WARN, CheckResult.SKIP
DONE = frozenset([LogoutResult.VERIFIED, LogoutResult.ACKNOWLEDGED])


@dataclass(frozen=True, slots=True)
class Tried:
    """One logout, and its requests."""

    outcome: LogoutOutcome
    records: Sequence[StepRecord] = ()


@dataclass(frozen=True, slots=True)
class LoginTried:
    """One login from its beginning to its end. Nothing in it is printed but its records and its outcomes."""

    login: LoginOutcome
    records: Sequence[StepRecord]
    logout: Tried | None = None
    """None if there is nothing to end."""
    again: Tried | None = None
    """The same logout once more, when the session is out."""

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
    if not life.is_whole:
        return
    yield Promise("login-proved", *_proved(life))
    yield Promise("logout-verified", *_verified(life.logout.outcome))
    if life.again is not None:
        yield Promise("verified-means-ended", *_told_apart(life.again.outcome))
    for living in life.logout.outcome.lives_on:
        yield Promise("nothing-lives-on", WARN, f"the {living.credential} works after the logout, as the profile allows")


def _ended(outcome: LogoutOutcome) -> tuple[CheckResult, str]:
    if outcome.closes:
        return PASS, "the login that was made counts as ended"
    return FAIL, "the login that was made may still be open, and nothing remembers it: end it in the end system"


def _proved(life: LoginTried) -> tuple[CheckResult, str]:
    if life.login.credential.proved:
        return PASS, "the probe has found the new login alive"
    if life.login.message:
        return WARN, life.login.message
    return WARN, "no probe looks at a new login: a value that is captured wrongly is not noticed"


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
    return FAIL, outcome.message or outcome.code or outcome.result.value


def _told_apart(again: LogoutOutcome) -> tuple[CheckResult, str]:
    match again.result:
        case LogoutResult.ALREADY_OUT:
            return PASS, "a second logout says that there was nothing to end"
        case LogoutResult.PENDING:
            return SKIP, again.message or "the end system does not answer now"
        case result if result in DONE:
            return WARN, "a second logout says that it has ended something: set `before = true` in the probe"
    return WARN, f"a second logout is refused ({again.code}): list its answer under `already_out`, or retries need attention"
