"""Renewing a login by the requests of a profile."""

from dataclasses import dataclass

import structlog

from connector.endsystems.http.failures import LoginNotRenewed
from connector.endsystems.http.site import Site
from connector.endsystems.profile.leavings import renewed_by
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.rules import Verdict
from connector.endsystems.profile.sender import Sender
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential

log = structlog.get_logger(__name__)

MISSING = "capture_missing"


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
        async with self.site.run() as site:
            return await self._taken(site.patient_sender(), credential)

    async def _taken(self, sender: Sender, credential: Credential) -> Credential | None:
        problem = None
        try:
            values = self.site.after_login(credential)
            for name, step in self.profile.refresh_requests:
                record, values = await sender.take(name, step, values)
                lacks_some = record.code == MISSING and not step.capture.keys().isdisjoint(values.captured)
                if record.verdict is Verdict.AWAY:
                    log.warning("a login could not be renewed for now; the next call tries again", reason=record.message)
                    raise LoginNotRenewed(record.message)
                if record.ends_the_run and not lacks_some:
                    problem = record.message
                    break
            else:
                return renewed_by(self.profile, values)
        except CannotSend as unfit:
            problem = unfit.message
        log.warning("a login could not be renewed; the answer that it is used for tells whether it still works", reason=problem)
        return None
