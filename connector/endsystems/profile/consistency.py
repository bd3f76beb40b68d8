"""Combinations within a profile that cannot work although each key is right by itself."""

from collections.abc import Iterator

from connector.config.problems import suggestion
from connector.endsystems.profile.login_consistency import of_login
from connector.endsystems.profile.mistakes import mistakes
from connector.endsystems.profile.profile import LogoutStep, Profile, Verify
from connector.endsystems.profile.refresh_consistency import of_refresh
from connector.endsystems.profile.request import Headed, Request
from connector.endsystems.profile.rules import Lists
from connector.endsystems.profile.template import Source
from connector.model.headers import SET_BY_CLIENT


def inconsistencies(profile: Profile) -> Iterator[str]:
    """Yield a line for each combination that cannot work, with its dotted name."""
    for name, head in profile.heads:
        yield from (f"profile.{name}{problem}" for problem in _of_head(head))
    for name, request in profile.requests:
        yield from (f"profile.{name}{problem}" for problem in _of_body(request))
    for name, lists in _lists(profile):
        yield from (f"profile.{name}{problem}" for problem in _of_lists(lists))
    for place, step in enumerate(profile.steps[:-1]):
        if step.already_out is None and not step.capture:
            yield (
                f"profile.steps[{place}].already_out: is missing; a retry runs all steps again, so say how this step answers "
                "if it is done already (an empty list if it answers as before)"
            )
    if profile.verify and not profile.steps:
        yield "profile.verify: expected steps before it"
    for name, probe in profile.probes:
        yield from (f"profile.{name}{problem}" for problem in _of_probe(probe, is_single=len(profile.verify) == 1))
    yield from _of_captures(profile)
    yield from of_login(profile)
    yield from of_refresh(profile)
    yield from mistakes(profile)


def _of_probe(probe: Verify, *, is_single: bool) -> Iterator[str]:
    if probe.before and not probe.alive:
        yield ".before: expected answers under alive, because only they show that there is something to end"
    if probe.before and probe.may_live_on:
        yield ".before: expected none beside may_live_on, because the logout does not end this credential"
    if not is_single and "credential" not in probe.model_fields_set:
        yield ".credential: is missing; of several probes each says which credential it uses"


def _of_head(head: Headed) -> Iterator[str]:
    names = [name.lower() for name in head.headers]
    if len({*names}) < len(names):
        yield ".headers: expected each name once, in whatever case"
    if SET_BY_CLIENT.intersection(names):
        yield f".headers: expected none of {', '.join(sorted(SET_BY_CLIENT))}"
    # Two Cookie headers are against HTTP, and servers choose differently.
    if any(len(template.parts) > 1 for name, template in head.headers.items() if name.lower() == "cookie"):
        yield ".headers.Cookie: expected one value and nothing else; put single cookies under cookies"
    if head.basic and "authorization" in names:
        yield ".basic: expected no header Authorization beside it"
    for place, template in head.indispensable:
        if any(expression.is_optional for expression in template.expressions):
            yield f".{place}: expected nothing optional, because only a whole entry of a table can be left out"


def _of_body(request: Request) -> Iterator[str]:
    names = [name.lower() for name in request.headers]
    if [request.form, request.json_body, request.text].count(None) < 2:
        yield ": expected at most one of form, json, text"
    if request.text is not None and "content-type" not in names:
        yield ".text: expected a header Content-Type beside it"
    elif request.text is not None and [*request.text.references] and len(request.text.parts) > 1 and not request.text_is_xml:
        yield ".text: expected XML, a single value or no value, because in other texts a value could leave its place"


def _lists(profile: Profile) -> Iterator[tuple[str, Lists]]:
    yield from ((name, step.lists) for name, step in (*profile.login_requests, *profile.refresh_requests))
    yield from ((name, step.lists) for name, step in profile.step_requests)
    yield from ((name, probe.lists) for name, probe in profile.probes)


def _of_lists(lists: Lists) -> Iterator[str]:
    decisive, rules = lists[-1]
    if not rules:
        yield f".{decisive}: expected at least one answer; nothing is assumed"
    # One status in two lists would leave it to their order what an answer means.
    taken: dict[int | None, str] = {}
    for verdict, rules in lists:
        for status in {rule.status for rule in rules if not rule.is_specific}:
            if taken.setdefault(status, verdict) != verdict:
                yield f".{verdict}: {status} is in {taken[status]} already"


def _of_captures(profile: Profile) -> Iterator[str]:
    known: set[str] = set()
    for name, probe in profile.probes:
        for capture in sorted(probe.names(Source.CAPTURED)):
            yield f"profile.{name}: captured.{capture} is not known there; a probe uses what the login has left behind"
    for place, step in enumerate(profile.steps):
        name = f"profile.steps[{place}]"
        for capture in sorted(step.names(Source.CAPTURED) - known):
            yield f"{name}: captured.{capture} is captured by no earlier step; {suggestion(capture, known)}"
        yield from _never_used(profile.steps[place + 1 :], name, step)
        yield from (f"{name}.capture.{twice}: is captured already" for twice in sorted(known & step.capture.keys()))
        known |= step.capture.keys()


def _never_used(later: list[LogoutStep], name: str, step: LogoutStep) -> Iterator[str]:
    used = {capture for each in later for capture in each.names(Source.CAPTURED)}
    yield from (f"{name}.capture.{capture}: is used by no later step" for capture in sorted(step.capture.keys() - used))
