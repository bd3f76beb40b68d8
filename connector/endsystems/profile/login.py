"""Logging in by the requests of a profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from yarl import URL

from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.site import Site
from connector.endsystems.profile.leavings import left_behind, left_so_far, returned
from connector.endsystems.profile.logout import HttpLogout
from connector.endsystems.profile.outgoing import make
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.record import StepRecord
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.setting import effective
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult


@dataclass(frozen=True, slots=True)
class HttpLogin:
    """The steps of a login, in their order. If one fails, the outcome says what was made until then, and how to undo it."""

    profile: Profile
    site: Site
    logout: HttpLogout

    async def run(self, given: Mapping[str, str]) -> LoginOutcome:
        """Log in with these settings. Nothing is sent if they do not fit the requests, those of the logout included."""
        try:
            # A login whose logout cannot be made must not be begun: nobody could end it.
            values, urls = self._rehearsed(effective(self.profile.settings, given))
        except CannotSend as problem:
            return _refused(problem)
        failure, values = await self._take_steps(values, urls)
        if failure is not None:
            return self._half_made(failure, values)
        try:
            credential = self._credential(values)
            self.logout.rehearsed(credential)
            result = LoginResult.LOGGED_IN if self.profile.login else LoginResult.NOT_APPLICABLE
            return LoginOutcome(result, credential, returned(self.profile, values))
        except CannotSend as problem:
            return self._half_made(_refused(problem), values)

    def _rehearsed(self, settings: Mapping[str, str]) -> tuple[Values, Sequence[URL]]:
        """Make every request without sending it, the logout included, and return their URLs.

        A placeholder stands for captures to come.
        """
        values = self.site.before_login(settings)
        rehearsal = replace(values, captured={name: "captured" for step in self.profile.login for name in step.capture})
        made = [make(name, request, rehearsal, self.site.allowed) for name, request in self.profile.login_requests]
        _, logout = self.logout.rehearsed(self._credential(rehearsal))
        returned(self.profile, rehearsal)
        return values, [outgoing.url for outgoing in (*made, *logout)]

    async def _take_steps(self, values: Values, urls: Sequence[URL]) -> tuple[LoginOutcome | None, Values]:
        """Return what went wrong, or None, and the values with all captures so far."""
        sender = self.site.patient_sender()
        for place, (name, step) in enumerate(self.profile.login_requests):
            record, values = await sender.take(name, step, values, following=urls[place + 1 :])
            if record.ends_the_run:
                return _failure(record), values
        return None, values

    def _credential(self, values: Values) -> Credential:
        return left_behind(self.profile, values, with_base_url=self.site.is_chosen_by_settings)

    def _half_made(self, failure: LoginOutcome, values: Values) -> LoginOutcome:
        """Add what the login has made until it failed. Nothing is sent yet, because a kill must not come before the record."""
        made = left_so_far(self.profile, values, with_base_url=self.site.is_chosen_by_settings)
        # Nothing was made, or nothing can undo it.
        if made is None or not self.profile.steps:
            return failure
        undo = partial(self.logout.undo, made, was_cut_short=_was_cut_short(self.profile, values))
        return replace(failure, credential=made, undo=undo)


def _was_cut_short(profile: Profile, values: Values) -> bool:
    """Tell whether each step has made everything or nothing, and at least one nothing."""
    captured = values.captured.keys()
    steps = [step.capture.keys() for step in profile.login]
    unfinished = [captures for captures in steps if captures - captured]
    return bool(unfinished) and not any(captures & captured for captures in unfinished)


def _failure(record: StepRecord) -> LoginOutcome:
    result = LoginResult.UNAVAILABLE if record.verdict is Verdict.AWAY else LoginResult.REFUSED
    return LoginOutcome(result, code=record.code, message=record.message, retry_after=record.retry_after)


def _refused(problem: CannotSend) -> LoginOutcome:
    return LoginOutcome(LoginResult.REFUSED, code=problem.code, message=problem.message)
