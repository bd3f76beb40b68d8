"""Logging out by the requests of a profile."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from connector.endsystems.http.cookies import Jar, split
from connector.endsystems.http.response import Response
from connector.endsystems.http.site import Site
from connector.endsystems.profile.conclusion import conclude, conclude_partly
from connector.endsystems.profile.kept_cookies import KeptCookies
from connector.endsystems.profile.leavings import remnant_of
from connector.endsystems.profile.outgoing import Outgoing, make
from connector.endsystems.profile.profile import Profile, Verify
from connector.endsystems.profile.record import StepRecord
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.to_come import Unknown, is_captured, to_come
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome

log = structlog.get_logger(__name__)

UNFIT_COOKIE = "the end system has renewed a cookie by a value that cannot be sent; the old one stays"


@dataclass(frozen=True, slots=True)
class HttpLogout:
    """The steps of a logout, in their order.

    A step that is done now, or was before, leads to the next one. A preparing step that finds the session gone leads to the
    probe. Anything else ends the run, and a retry runs all steps again. The probe also follows a logout that found the session
    gone, because the answer may have had another reason. A probe that is sent before as well ends no run: the session may have
    more credentials than the one that is dead.
    """

    profile: Profile
    site: Site

    async def run(self, credential: Credential) -> AsyncIterator[StepRecord]:
        """Log out, and yield a record of each request; `conclude` makes the outcome of them.

        Nothing is sent if the credential lacks something that any of the requests needs.
        """
        try:
            values, made = self.rehearsed(credential)
        except CannotSend as problem:
            yield self._refused(problem)
            return
        async with self.site.run() as site:
            sender = site.sender()
            # At most half of the time: a probe that hangs must not keep the logout from being sent.
            hasty = site.sender(site.until() - site.deadline / 2)
            for name, probe in self.profile.probes:
                if probe.before:
                    record, answer = await hasty.probe(name, probe, values)
                    yield replace(record, before=True)
                    values = self.as_renewed(probe, record, answer, values)
            urls = [outgoing.url for outgoing in made]
            for place, step in enumerate(self.profile.steps):
                first = made[0] if place == 0 and values.credential == credential else None
                record, values = await sender.take(f"steps[{place}]", step, values, made=first, following=urls[place + 1 :])
                yield record
                if record.ends_the_run:
                    return
                # Without its captures the next steps cannot be made, and there is nothing to end.
                if record.verdict is Verdict.ALREADY_OUT and step.capture:
                    break
            for name, probe in self.profile.probes:
                record, _ = await sender.probe(name, probe, values)
                yield record

    def as_renewed(self, probe: Verify, record: StepRecord, answer: Response | None, values: Values) -> Values:
        """Return the values after a probe. If it found the login alive, its answer may have renewed cookies of it."""
        kept = KeptCookies.of(probe)
        if answer is None or record.verdict is not Verdict.ALIVE or self.profile.shared:
            return values
        try:
            cookies = self.cookies_renewed_by(answer, kept, values.credential)
        except CannotSend as problem:
            log.warning(UNFIT_COOKIE, reason=problem.code)
            return values
        return replace(values, credential=kept.put_into(values.credential, cookies))

    def cookies_renewed_by(self, answer: Response, kept: KeptCookies, credential: Credential) -> Sequence[tuple[str, str]]:
        """Return the cookies of an answer that the logout takes. Raises `CannotSend` if it cannot take one that renews."""
        _, logout = self.rehearsed(credential)
        cookies = [*split(Jar.of([answer], [outgoing.url for outgoing in logout]).pairs(["*"]))]
        self.rehearsed(kept.put_into(credential, cookies))
        return cookies

    def rehearsed(self, credential: Credential, unknown: Unknown = is_captured) -> tuple[Values, Sequence[Outgoing]]:
        """Make every request without sending it, with a placeholder for what is unknown. Raises `CannotSend`.

        The first one may be sent as it is if only captures are unknown, because it needs none.
        """
        values = self.site.after_login(credential)
        coming = to_come(values, unknown)
        return values, [make(name, request, coming, self.site.allowed) for name, request in self.profile.logout_requests]

    async def end(self, credential: Credential) -> LogoutOutcome:
        """Log out. A login that has failed is ended by the whole logout, or by those of its steps that can be taken."""
        remnant = remnant_of(credential)
        if remnant is not None and not self.is_whole(credential):
            return conclude_partly(await self._taken_where_possible(credential), remnant)
        return conclude([record async for record in self.run(credential)], remnant)

    def is_whole(self, credential: Credential) -> bool:
        """Tell whether every request of the logout can be made."""
        try:
            self.rehearsed(credential)
        except CannotSend:
            return False
        return True

    async def _taken_where_possible(self, credential: Credential) -> Sequence[StepRecord]:
        try:
            values = self.site.after_login(credential)
        except CannotSend as problem:
            return [self._refused(problem)]
        records = []
        async with self.site.run() as site:
            sender = site.sender()
            for place, step in enumerate(self.profile.steps):
                record, values = await sender.take(f"steps[{place}]", step, values)
                records.append(record)
        return records

    def _refused(self, problem: CannotSend) -> StepRecord:
        name, request = self.profile.logout_requests[0]
        return StepRecord(name, request.method, request.url.text, Verdict.REFUSED, code=problem.code, message=problem.message)
