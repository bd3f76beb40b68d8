"""What would fail at every login or logout, whatever the values are: found when the profile is loaded."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from connector.endsystems.profile.leavings import left_behind, returned
from connector.endsystems.profile.outgoing import body_of, headers_of
from connector.endsystems.profile.patterns import Pattern
from connector.endsystems.profile.profile import Profile, Step
from connector.endsystems.profile.request import Headed
from connector.endsystems.profile.to_come import ToCome
from connector.endsystems.profile.values import CannotSend
from connector.model.credential import Credential
from connector.model.headers import NEVER_RETURNED, SEAL

IN_BRACES = re.compile(r"\{(?:credential|env|captured|setting|address|random|time)\.[^{}]*\}|\{base_url\}|\{null\}")
PROSE = "description"
BODILESS = frozenset([204, 304])
"""Statuses of answers without a body."""


ANY = ToCome(Credential(), {}, unknown=lambda _: True)
"""Values that fit every place, so that only what is written in the profile itself can be wrong."""


def mistakes(profile: Profile) -> Iterator[str]:
    """Yield a line for each, with its dotted name."""
    yield from _of_literals(profile)
    for name, step in (*profile.login_requests, *profile.refresh_requests, *profile.step_requests):
        yield from (f"profile.{name}.{problem}" for problem in _of_bodies(step))
    yield from (f"{place}: expected no name in braces, because none is replaced here" for place in _never_replaced(profile))
    for name in profile.returned:
        if name.lower() in NEVER_RETURNED:
            yield f"profile.returned.{name}: belongs to the transport, so that OpsHub cannot send it back"
        if name.lower() == SEAL.lower():
            yield f"profile.returned.{name}: is the name of the seal, which initialize returns by itself"


def _of_literals(profile: Profile) -> Iterator[str]:
    made: list[Callable[[], object]] = [partial(_headers, name, head) for name, head in profile.heads]
    made += [partial(body_of, name, request, ANY) for name, request in profile.requests]
    made += [partial(left_behind, profile, ANY, {}), partial(returned, profile, ANY)]
    for make in made:
        try:
            make()
        except CannotSend as problem:
            yield f"profile.{problem.message}"


def _of_bodies(step: Step) -> Iterator[str]:
    """Find what looks for something in the body of an answer that has none."""
    successes = {rule.status for rule in step.success}
    if step.method != "HEAD" and not successes <= BODILESS:
        return
    for name, extract in step.capture.items():
        if extract.needs_a_body:
            yield f"capture.{name}: expected a header or cookies, because a success of this step has no body"


def _headers(name: str, head: Headed) -> list[tuple[str, str]]:
    return [*headers_of(name, head, ANY)]


def _never_replaced(profile: Profile) -> Iterator[str]:
    for place in _in_braces(profile, "profile"):
        yield place.replace("profile.verify[0]", "profile.verify") if len(profile.verify) == 1 else place


def _in_braces(value: Any, place: str) -> Iterator[str]:
    """Yield the dotted name of each text that holds a name in braces and is no template."""
    match value:
        case BaseModel():
            for name, field in type(value).model_fields.items():
                if name != PROSE:
                    yield from _in_braces(getattr(value, name), f"{place}.{field.alias or name}")
        case Mapping():
            for key, inner in value.items():
                yield from _in_braces(str(key), f"{place}.{key}")
                yield from _in_braces(inner, f"{place}.{key}")
        case list():
            for number, inner in enumerate(value):
                yield from _in_braces(inner, f"{place}[{number}]")
        case str() | Pattern():
            if IN_BRACES.search(value if isinstance(value, str) else value.text):
                yield place
