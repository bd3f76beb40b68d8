"""Renewing a login by the requests of a profile."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from connector.endsystems.end_system import LoginOutcome
from connector.endsystems.http.failures import LoginNotRenewed
from connector.endsystems.http.site import Site
from connector.endsystems.profile.leavings import renewed_by
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.record import CAPTURE_MISSING, StepRecord
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.sender import Sender
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult

log = structlog.get_logger(__name__)

FETCHING = frozenset(["GET", "HEAD"])
"""Methods of requests that spend no credential."""


@dataclass(frozen=True, slots=True)
class HttpRefresh:
    """The steps that renew a login, in their order."""

    profile: Profile
    site: Site

    async def run(self, credential: Credential) -> Credential | None:
        """Renew a credential, and return what is new of it; None if the end system has not renewed it.

        Its answers are read as long as those of a login: one that nobody reads may have ended the old credential. A value that
        an answer lacks stays as it was, because many end systems hand out a new refresh token only now and then.

        Raises `LoginNotRenewed` if another try may do better.
        """
        try:
            async with self.site.run() as site:
                renewed, problem = await self._taken(site.patient_sender(), credential)
        except LoginNotRenewed as passing:
            log.warning("a login could not be renewed for now; the next call tries again", reason=str(passing))
            raise
        if renewed is None:
            log.warning(
                "a login could not be renewed; the answer that it is used for tells whether it still works", reason=problem
            )
        return renewed

    async def tried(self, sender: Sender, credential: Credential, note: Callable[[StepRecord], None]) -> LoginOutcome:
        """Renew a credential, and return all of it, or why it is not renewed; `note` is told of each request."""
        try:
            renewed, problem = await self._taken(sender, credential, note)
        except LoginNotRenewed as passing:
            return LoginOutcome(LoginResult.UNAVAILABLE, message=str(passing))
        if renewed is None:
            return LoginOutcome(LoginResult.REFUSED, message=problem)
        return LoginOutcome(LoginResult.LOGGED_IN, credential.with_values(renewed))

    async def _taken(
        self, sender: Sender, credential: Credential, note: Callable[[StepRecord], None] = lambda _: None
    ) -> tuple[Credential | None, str | None]:
        """Return what is new of a credential, or else what went wrong. Raises `LoginNotRenewed`."""
        has_worked = False
        try:
            values = self.site.after_login(credential)
            for name, step in self.profile.refresh_requests:
                record, values = await sender.take(name, step, values)
                note(record)
                lacks_some = record.code == CAPTURE_MISSING and not step.capture.keys().isdisjoint(values.captured)
                is_over = record.ends_the_run and not lacks_some
                if record.verdict is Verdict.AWAY or (is_over and has_worked):
                    may_have_worked = has_worked or record.may_have_worked or record.broke_off
                    raise LoginNotRenewed(record.message or name, may_have_worked=may_have_worked)
                if is_over:
                    return None, record.message
                has_worked |= record.method not in FETCHING
            return renewed_by(self.profile, values), None
        except CannotSend as unfit:
            if has_worked:
                raise LoginNotRenewed(unfit.message, may_have_worked=True) from None
            return None, unfit.message
