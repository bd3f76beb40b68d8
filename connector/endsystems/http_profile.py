"""An end system that a profile describes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from yarl import URL

from connector.endsystems.client import GuardedClient
from connector.endsystems.contract import EndSystem, SessionLogin
from connector.endsystems.guard import UrlPrefix, url_prefix
from connector.endsystems.outgoing import make
from connector.endsystems.profile import Profile
from connector.endsystems.record import StepRecord, conclude
from connector.endsystems.rules import Verdict
from connector.endsystems.steps import Sender
from connector.endsystems.template import Source, Template
from connector.endsystems.values import CannotSend, Values
from connector.outcomes import LogoutOutcome


class HttpEndSystem(EndSystem):
    """Logs out by sending the requests of a profile.

    The steps are taken in their order. A step that is done, or was already, leads to the next one; a step that only prepares
    and finds the session gone leads to the probe. Anything else ends the run, and a retry runs all steps again. The probe also
    follows a logout that found the session gone: what looks like that may have been something else.
    """

    def __init__(
        self,
        profile: Profile,
        client: GuardedClient,
        *,
        base_url: Template | None,
        allowed: Sequence[UrlPrefix],
        environ: Mapping[str, str],
        deadline: float,
    ) -> None:
        self.profile = profile
        self.needed_headers = frozenset(_headers(profile, base_url))
        self._client = client
        self._base_url = base_url
        self._allowed = allowed
        self._environ = environ
        self._deadline = deadline

    async def open(self) -> None:
        """Open the client; connections are made as they are needed."""
        await self._client.open()

    async def aclose(self) -> None:
        """Break off what is under way and close the client."""
        await self._client.aclose()

    def origin(self, session: SessionLogin) -> str:
        """Return scheme, host and port of the base URL; nothing where the session lacks what that is made of."""
        try:
            address = self._address(Values(session.credential, self._environ))
        except CannotSend:
            return ""
        return str(URL(address).origin())[:200] if address else ""

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """Run the profile to its end, at most for the total deadline, and tell what it came to."""
        return conclude([record async for record in self.run(session)])

    async def run(self, session: SessionLogin) -> AsyncIterator[StepRecord]:
        """Log out, yielding what became of each request; `conclude` tells what they come to.

        Nothing at all is sent where the session lacks something that any of the requests needs.
        """
        sender = Sender(self._client, self._allowed, asyncio.get_running_loop().time() + self._deadline)
        values = Values(session.credential, self._environ)
        try:
            values = replace(values, base_url=self._address(values))
            self._rehearse(values)
        except CannotSend as problem:
            yield self._refused(problem)
            return
        for place, step in enumerate(self.profile.steps):
            record, captured = await sender.take(f"steps[{place}]", step, values)
            yield record
            if record.ends_the_run:
                return
            if record.verdict is Verdict.ALREADY_OUT and step.capture:
                break
            values = replace(values, captured={**values.captured, **captured})
        if self.profile.verify is not None:
            yield await sender.probe(self.profile.verify, values)

    def _address(self, values: Values) -> str:
        if self._base_url is None:
            return ""
        address = self._base_url.render(values.of)
        try:
            url_prefix(address)
        except ValueError as problem:
            raise CannotSend("target_not_allowed", f"end_system.base_url: {problem}") from None
        return address

    def _rehearse(self, values: Values) -> None:
        """Make every request before any is sent; a word stands for what is not captured yet."""
        captured = {name: "captured" for step in self.profile.steps for name in step.capture}
        for name, request in self.profile.requests:
            make(name, request, replace(values, captured=captured), self._allowed)

    def _refused(self, problem: CannotSend) -> StepRecord:
        name, request = self.profile.requests[0]
        return StepRecord(name, request.method, request.url.text, Verdict.REFUSED, code=problem.code, message=problem.message)


def _headers(profile: Profile, base_url: Template | None) -> set[str]:
    used = [reference for _, request in profile.requests for reference in request.references]
    if base_url is not None:
        used += base_url.references
    return {reference.name for reference in used if reference.source is Source.CREDENTIAL}
