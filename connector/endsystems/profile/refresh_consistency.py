"""Combinations within a profile that renews logins: what is known when, and what is renewed."""

from collections.abc import Iterator

from connector.endsystems.profile.leavings import SECONDS
from connector.endsystems.profile.profile import Profile
from connector.endsystems.profile.template import Source, Template


def of_refresh(profile: Profile) -> Iterator[str]:
    """Yield a line for each combination that cannot work, with its dotted name."""
    if profile.refresh:
        if not (profile.login and profile.steps and profile.http):
            yield "profile.refresh: expected [[login]], [http] and [[steps]]: what is made, used and ended is what can be renewed"
        if profile.shared:
            yield "profile.refresh: expected none beside shared = true, because the other sessions would keep the old token"
        yield from _of_captures(profile)
        yield from _of_entries(profile)
    if profile.shared and not (profile.login and profile.steps):
        yield "profile.shared: expected [[login]] and [[steps]]: only a login that is made here and ended can be shared"
    if profile.expires_in is not None:
        yield from _of_expiry(profile, profile.expires_in)


def _of_captures(profile: Profile) -> Iterator[str]:
    known: set[str] = set()
    for name, step in profile.refresh_requests:
        for capture in sorted(step.names(Source.CAPTURED) - known):
            yield f"profile.{name}: captured.{capture} is captured by no earlier step of the refresh"
        known |= step.capture.keys()
    templates = [*profile.credential.values(), *([profile.expires_in] if profile.expires_in else [])]
    used = {name for template in templates for name in template.names(Source.CAPTURED)}
    used |= {name for step in profile.refresh for name in step.names(Source.CAPTURED)}
    yield from (f"profile.refresh: captured.{name} is used by nothing" for name in sorted(known - used))


def _of_entries(profile: Profile) -> Iterator[str]:
    new = _captured(profile)
    entries = {name: template for name, template in profile.credential.items() if template.names(Source.CAPTURED) & new}
    if not entries:
        yield "profile.refresh: expected to capture what profile.credential is made of, by the same names"
    for name, template in entries.items():
        for reference in dict.fromkeys(template.references):
            if reference.source is not Source.CAPTURED or reference.name not in new:
                yield f"profile.credential.{name}: {reference} is not known at the refresh; put it into an entry of its own"


def _of_expiry(profile: Profile, expires_in: Template) -> Iterator[str]:
    if not profile.refresh:
        yield "profile.expires_in: expected [[refresh]], which is sent before that time is over"
    if not [*expires_in.references] and not SECONDS.fullmatch(expires_in.text):
        yield "profile.expires_in: expected a number of seconds, or what the login captures"
    for reference in expires_in.references:
        known = {name for step in profile.login for name in step.capture}
        if reference.source is not Source.CAPTURED or reference.name not in known:
            yield f"profile.expires_in: {reference} is not known there; expected a number, or what the login captures"


def _captured(profile: Profile) -> set[str]:
    return {name for step in profile.refresh for name in step.capture}
