"""Logging in by the requests of a profile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.site import Site
from connector.endsystems.profile.half_made import HalfMade
from connector.endsystems.profile.leavings import Remnant, left_behind, returned
from connector.endsystems.profile.logout import HttpLogout
from connector.endsystems.profile.named_addresses import addresses_left, name_left
from connector.endsystems.profile.outgoing import Outgoing, headers_of, make
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.record import StepRecord
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.sender import Sender
from connector.endsystems.profile.setting import effective
from connector.endsystems.profile.template import Source
from connector.endsystems.profile.to_come import Unknown, is_captured, to_come, unknown_after_login
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult
from connector.runtime.steps import step as bounded

PROOF = 1.0
"""Seconds that the probe of a new login may take beyond the deadline that it knows of."""
SAME_FOR_ALL = frozenset([Source.CAPTURED, Source.CREDENTIAL, Source.ADDRESS, Source.ENV, Source.BASE_URL, Source.NULL])
"""The sources of values that no setting of a session changes, as long as no login has been answered."""


@dataclass(frozen=True)
class HttpLogin:
    """The steps of a login, in their order. If one fails, the outcome has what was made until then."""

    profile: Profile
    site: Site
    logout: HttpLogout
    half_made: HalfMade

    async def run(self, given: Mapping[str, str], note: Callable[[StepRecord], None]) -> LoginOutcome:
        """Log in with these settings. Nothing is sent if they do not fit the requests, those of the logout included.

        `note` is told of each request.
        """
        until = self.site.until()
        try:
            # A login whose logout cannot be made must not be begun: nobody could end it.
            values = self.site.before_login(effective(self.profile.settings, given))
            made = self.rehearsed(values, is_captured)
        except CannotSend as problem:
            return _refused(problem)
        async with self.site.run() as site:
            failure, values = await self._take_steps(site.patient_sender(), values, made, note)
            return failure or await self._concluded(site.sender(until), values, note)

    async def _concluded(self, prober: Sender, values: Values, note: Callable[[StepRecord], None]) -> LoginOutcome:
        """Return what becomes of steps that have all succeeded. The `prober` proves the login."""
        try:
            credential = self._credential(values)
            left, _ = self.logout.rehearsed(credential)
            self._rehearse_uses(left, is_captured)
            back = returned(self.profile, values)
        except CannotSend as problem:
            return self.half_made.added_to(_refused(problem), values, has_made=bool(self.profile.login))
        if not self.profile.login:
            return LoginOutcome(LoginResult.NOT_APPLICABLE, credential, back)
        made = LoginOutcome(LoginResult.LOGGED_IN, credential, back)
        if not self.profile.probes:
            return made
        # A defect from here on must not lose the login.
        unproved = replace(made, message="not verified: the probe could not be sent")
        proving = partial(self.proved, made, prober, note)
        deadline = self.site.deadline + PROOF
        return (await bounded("proving a login", proving, deadline=deadline, late=unproved, failed=unproved)).outcome

    async def proved(self, made: LoginOutcome, sender: Sender, note: Callable[[StepRecord], None]) -> LoginOutcome:
        """Use the new credential as each probe does. The login stands unless one shows, or will always say, something else."""
        values = self.site.after_login(made.credential)
        unclear = None
        for name, probe in self.profile.probes:
            record, answer = await sender.probe(name, probe, values)
            note(record)
            values = self.logout.as_renewed(probe, record, answer, values)
            made = replace(made, credential=values.credential)
            if record.verdict is Verdict.ALIVE:
                continue
            # Its caller may wait no longer, and the end system has just answered. So the login is good as far as anybody knows.
            unclear = record
            if record.verdict is Verdict.DEAD or not (record.passing or (record.status is not None and not probe.alive)):
                return self._never_alive(made.credential, record)
        if unclear is not None:
            return replace(made, message=unclear.message)
        is_proved = bool(self.profile.verify) and self.profile.uses_what_the_logout_does(*self.profile.verify)
        return replace(made, credential=made.credential.as_proved()) if is_proved else made

    def _never_alive(self, credential: Credential, record: StepRecord) -> LoginOutcome:
        remnant = Remnant.DEAD if record.verdict is Verdict.DEAD else Remnant.UNPROVED
        used = (record.credential or "").removeprefix("old ")
        words = record.message if remnant is Remnant.DEAD else None
        answered = words or ("no whole answer" if record.status is None else f"{record.status}")
        message = f"{record.step}: the login succeeded, but the probe does not find its {used} alive ({answered})"
        failure = LoginOutcome(LoginResult.REFUSED, code=record.code or "not_alive", message=message)
        return self.half_made.to_be_undone(failure, remnant.of(credential))

    def rehearsed(self, values: Values, unknown: Unknown) -> Sequence[Outgoing]:
        """Make every request without sending it, those of the logout included, and return those whose URLs are known.

        A placeholder stands for what is `unknown`. The first one may be sent as it is if only captures are unknown, because it
        needs none. Raises `CannotSend`.
        """
        coming = to_come(values, unknown)
        made = [make(name, request, coming, self.site.allowed) for name, request in self.profile.login_requests]
        is_known = unknown is is_captured and self._has_one_rest
        return [*made, *(self._rest_of_all if is_known else self._rest(values, unknown))]

    @cached_property
    def _has_one_rest(self) -> bool:
        """Whether what follows a login is the same for all of them, as far as it is known before."""
        templates = [
            *(template for _, head in self.profile.uses_of_a_login for template in head.templates),
            *(template for _, template in self.profile.leavings),
            *self.profile.returned.values(),
        ]
        sources = {reference.source for template in templates for reference in template.references}
        is_at_one_place = self.site.base_url is None or self.site.fixed_base_url is not None
        return is_at_one_place and sources <= SAME_FOR_ALL

    @cached_property
    def _rest_of_all(self) -> Sequence[Outgoing]:
        return self._rest(self.site.before_login({}), is_captured)

    def _rest(self, values: Values, unknown: Unknown) -> Sequence[Outgoing]:
        """Make what follows a login without sending it, and return those requests whose URLs are known. Raises `CannotSend`."""
        coming, after = to_come(values, unknown), unknown_after_login(self.profile, unknown)
        named = {name_left(name): self.site.somewhere for name in self.profile.addresses}
        left, logout = self.logout.rehearsed(left_behind(self.profile, coming, {**self.site.chosen(values), **named}), after)
        self._rehearse_uses(left, after)
        returned(self.profile, coming)
        # Nobody knows yet which paths an address will have.
        return [] if named else logout

    def _rehearse_uses(self, values: Values, unknown: Unknown) -> None:
        """Make what carries the login in an author's requests, and what renews it: without them, the login is of no use."""
        coming = to_come(values, unknown)
        for name, request in self.profile.refresh_requests:
            make(name, request, coming, self.site.allowed)
        if self.profile.http is not None:
            list(headers_of("http", self.profile.http, coming))

    async def _take_steps(
        self, sender: Sender, values: Values, made: Sequence[Outgoing], note: Callable[[StepRecord], None]
    ) -> tuple[LoginOutcome | None, Values]:
        """Return what went wrong, or None, and the values with all captures so far."""
        urls = [outgoing.url for outgoing in made]
        for place, (name, step) in enumerate(self.profile.login_requests):
            first = made[0] if place == 0 else None
            record, values = await sender.take(name, step, values, made=first, following=urls[place + 1 :])
            note(record)
            if record.ends_the_run:
                has_made, broke_off = self.half_made.has_made(place, record), record.broke_off
                failure = replace(_failure(record), may_be_made=record.may_have_worked and self.half_made.makes(step))
                return self.half_made.added_to(failure, values, has_made=has_made, broke_off=broke_off), values
        return None, values

    def _credential(self, values: Values) -> Credential:
        return left_behind(self.profile, values, {**self.site.chosen(values), **addresses_left(self.profile, values)})


def _failure(record: StepRecord) -> LoginOutcome:
    result = LoginResult.UNAVAILABLE if record.verdict is Verdict.AWAY else LoginResult.REFUSED
    return LoginOutcome(result, code=record.code, message=record.message, retry_after=record.retry_after)


def _refused(problem: CannotSend) -> LoginOutcome:
    return LoginOutcome(LoginResult.REFUSED, code=problem.code, message=problem.message)
