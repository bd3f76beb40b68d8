"""What would make a profile better, although it works."""

from collections.abc import Iterator

from connector.endsystems.end_system import EndSystem
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.request import Request
from connector.endsystems.profile.template import Source

DROPPED = frozenset("_.")
"""Characters in a header's name because of which some proxies drop the header without a word (nginx, by default)."""


CARRIED = "{credential.<name>} or {address.<name>}"


def advice_on(end_system: EndSystem) -> list[str]:
    """Return a line for each, with its dotted name. There is none on a Python class."""
    return [*_advice(end_system.profile)] if isinstance(end_system, HttpEndSystem) else []


def _advice(profile: Profile) -> Iterator[str]:
    if profile.steps and not profile.verify:
        yield (
            "profile.verify: is missing; a probe proves each login before it is used, and shows whether a logout has ended "
            "something: some end systems say so and do not, for example to a token or an API key"
        )
    if profile.login and not profile.steps:
        yield "profile.steps: is empty; each login lives until the end system ends it"
    if profile.login and not profile.http:
        yield "profile.http: is missing; without it the requests of your own code carry no login"
    if profile.steps and not any(_carries_a_login(step) for step in profile.steps):
        yield f"profile.steps: expected {CARRIED} in one of them; otherwise they end no login"
    yield from _on_probes(profile)
    for name in profile.returned:
        if DROPPED & {*name}:
            yield f"profile.returned.{name}: some proxies drop headers with underscores or dots in their names; use hyphens"


def _on_probes(profile: Profile) -> Iterator[str]:
    for name, probe in profile.probes:
        if not _carries_a_login(probe):
            yield f"profile.{name}: expected {CARRIED} in it; its answer says nothing of a login otherwise"
        if not probe.alive:
            yield f"profile.{name}.alive: is missing; without it no login is proved"
    if profile.verify and not profile.uses_what_the_logout_does(*profile.verify):
        yield "profile.verify: expected each part of the credential that the logout uses; what no probe uses is not proved"


def _carries_a_login(request: Request) -> bool:
    return bool(request.names(Source.CREDENTIAL) or request.names(Source.ADDRESS))
