"""Logging out by the requests of a profile."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from connector.endsystems.http.site import Site
from connector.endsystems.profile.outgoing import Outgoing, make
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.record import StepRecord, conclude, conclude_partly
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome


@dataclass(frozen=True, slots=True)
class HttpLogout:
    """The steps of a logout, in their order.

    A step that is done now, or was before, leads to the next one. A preparing step that finds the session gone leads to the
    probe. Anything else ends the run, and a retry runs all steps again. The probe also follows a logout that found the session
    gone, because the answer may have had another reason.
    """

    profile: Profile
    site: Site

    async def run(self, credential: Credential) -> AsyncIterator[StepRecord]:
        """Log out, and yield a record of each request; `conclude` makes the outcome of them.

        Nothing is sent if the credential lacks something that any of the requests needs.
        """
        sender = self.site.sender()
        try:
            values, made = self.rehearsed(credential)
        except CannotSend as problem:
            yield self._refused(problem)
            return
        urls = [outgoing.url for outgoing in made]
        for place, step in enumerate(self.profile.steps):
            first = None if place else made[0]
            record, values = await sender.take(f"steps[{place}]", step, values, made=first, following=urls[place + 1 :])
            yield record
            if record.ends_the_run:
                return
            # Without its captures the next steps cannot be made, and there is nothing to end.
            if record.verdict is Verdict.ALREADY_OUT and step.capture:
                break
        if self.profile.verify is not None:
            yield await sender.probe(self.profile.verify, values)

    def rehearsed(self, credential: Credential) -> tuple[Values, Sequence[Outgoing]]:
        """Make every request without sending it, with a placeholder for captures to come. Raises `CannotSend`.

        The first one may be sent as it is, because it needs no capture.
        """
        values = self.site.after_login(credential)
        rehearsal = replace(values, captured={name: "captured" for step in self.profile.steps for name in step.capture})
        return values, [make(name, request, rehearsal, self.site.allowed) for name, request in self.profile.logout_requests]

    async def undo(self, credential: Credential, *, was_cut_short: bool = False) -> LogoutOutcome:
        """End a login that may be half made: by the whole logout, or by those of its steps that can be taken.

        A step that cannot be taken has nothing to end only if the login was cut short before it made what the step needs.
        """
        try:
            self.rehearsed(credential)
        except CannotSend:
            return conclude_partly(await self._taken_where_possible(credential), may_skip=was_cut_short)
        return conclude([record async for record in self.run(credential)])

    async def _taken_where_possible(self, credential: Credential) -> Sequence[StepRecord]:
        sender = self.site.sender()
        try:
            values = self.site.after_login(credential)
        except CannotSend as problem:
            return [self._refused(problem)]
        records = []
        for place, step in enumerate(self.profile.steps):
            record, values = await sender.take(f"steps[{place}]", step, values)
            records.append(record)
        return records

    def _refused(self, problem: CannotSend) -> StepRecord:
        name, request = self.profile.logout_requests[0]
        return StepRecord(name, request.method, request.url.text, Verdict.REFUSED, code=problem.code, message=problem.message)
