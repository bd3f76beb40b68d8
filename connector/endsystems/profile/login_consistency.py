"""Combinations within a profile that logs in: what is known when, what is left behind, and what stays secret."""

from collections.abc import Iterator, Sequence

from connector.config.problems import suggestion
from connector.endsystems.profile.profile import BASE_URL, Profile
from connector.endsystems.profile.request import Headed
from connector.endsystems.profile.template import Source, Template

KNOWN_TO_A_LEAVING = frozenset([Source.CAPTURED, Source.SETTING, Source.RANDOM])


def of_login(profile: Profile) -> Iterator[str]:
    """Yield a line for each combination that cannot work, with its dotted name."""
    yield from _of_what_is_known(profile)
    yield from _of_settings(profile)
    yield from _of_what_is_optional(profile)
    if profile.credential and profile.steps and not profile.login:
        yield "profile.steps: expected none; without a login the credential is the customer's own, which no logout may destroy"
    if profile.opens_sessions:
        yield from _of_captures(profile)
        yield from _of_what_is_left(profile)
    yield from _of_what_is_returned(profile)
    yield from _of_addresses(profile)


def _of_addresses(profile: Profile) -> Iterator[str]:
    if profile.addresses and not profile.login:
        yield "profile.addresses: expected a login whose answers name them"
    for name, template in profile.addresses.items():
        if not template.names(Source.CAPTURED) or any(reference.is_optional for reference in template.references):
            yield f"profile.addresses.{name}: expected captured.<name> in braces, and nothing optional"
    used = set()
    for place, head in profile.uses_of_a_login:
        used |= head.names(Source.ADDRESS)
        for name in sorted(head.names(Source.ADDRESS) - profile.addresses.keys()):
            yield f"profile.{place}: address.{name} is not in profile.addresses, so that no login leaves it behind"
    for name in sorted(profile.addresses.keys() - used - {BASE_URL}):
        yield f"profile.addresses.{name}: is used by nothing"


def _of_what_is_known(profile: Profile) -> Iterator[str]:
    for name, step in profile.login_requests:
        for header in sorted(step.names(Source.CREDENTIAL)):
            yield f"profile.{name}: credential.{header} is not known before the login"
        for address in sorted(step.names(Source.ADDRESS)):
            yield f"profile.{name}: address.{address} is not known before the login"
    for name, head in profile.uses_of_a_login:
        for setting in sorted(head.names(Source.SETTING)):
            yield f"profile.{name}: setting.{setting} is known at login only; leave it behind in profile.credential"
    for name in sorted(profile.http.names(Source.CAPTURED)) if profile.http else ():
        yield f"profile.http: captured.{name} is not known there; leave it behind in profile.credential"
    for name, template in _leavings(profile):
        for reference in template.references:
            if reference.source not in KNOWN_TO_A_LEAVING:
                yield f"profile.{name}: expected only captured.<name>, setting.<name>, random.<name>, not {reference}"


def _of_settings(profile: Profile) -> Iterator[str]:
    for place, source in _users_of_settings(profile):
        for reference in dict.fromkeys(source.references):
            name = reference.name
            if reference.source is not Source.SETTING:
                continue
            if name not in profile.settings:
                yield f"profile.{place}: setting.{name} is not declared in profile.settings; {suggestion(name, profile.settings)}"
            elif not (profile.settings[name].is_always_there or reference.is_optional):
                yield f"profile.settings.{name}: expected required = true or a default, because profile.{place} needs it"


def _of_what_is_optional(profile: Profile) -> Iterator[str]:
    """A credential that could be left out would make a logout, or a probe, of nobody."""
    may_lack = {
        name.lower() for name, template in profile.credential.items() if any(one.is_optional for one in template.references)
    }
    users: list[tuple[str, Headed | Template]] = [*profile.heads, *_leavings(profile)]
    for place, user in users:
        for reference in dict.fromkeys(one for one in user.references if one.is_optional):
            is_left_out = reference.source is Source.CREDENTIAL and reference.name.lower() in may_lack
            if reference.source is not Source.SETTING and not is_left_out:
                yield f"profile.{place}: {reference} cannot be optional: only a setting can, and a credential that is made of one"


def _of_captures(profile: Profile) -> Iterator[str]:
    known: set[str] = set()
    for name, step in profile.login_requests:
        for capture in sorted(step.names(Source.CAPTURED) - known):
            yield f"profile.{name}: captured.{capture} is captured by no earlier step; {suggestion(capture, known)}"
        for twice in sorted(known & step.capture.keys()):
            yield f"profile.{name}.capture.{twice}: is captured already"
        known |= step.capture.keys()
    used = {name for step in profile.login for name in step.names(Source.CAPTURED)}
    used |= profile.expires_in.names(Source.CAPTURED) if profile.expires_in else set()
    for place, template in _leavings(profile):
        used |= template.names(Source.CAPTURED)
        for capture in sorted(template.names(Source.CAPTURED) - known):
            yield f"profile.{place}: captured.{capture} is captured by no step of the login; {suggestion(capture, known)}"
    yield from (f"profile.login: captured.{name} is used by nothing" for name in sorted(known - used))


def _of_what_is_left(profile: Profile) -> Iterator[str]:
    left = [name.lower() for name in profile.credential]
    if not left:
        yield "profile.credential: is missing; it says what the login leaves behind for the logout"
    if len({*left}) < len(left):
        yield "profile.credential: expected each name once, in whatever case"
    for place, head in profile.uses_of_a_login:
        for name in sorted(head.names(Source.CREDENTIAL)):
            if left and name.lower() not in left:
                yield f"profile.{place}: credential.{name} is not in profile.credential, so that no login leaves it behind"


def _of_what_is_returned(profile: Profile) -> Iterator[str]:
    if profile.returned and not profile.opens_sessions:
        yield "profile.returned: expected a login whose result it is"
    # What ends a session may not go to OpsHub in clear, whatever the profile's author meant.
    secret = {name for _, template in profile.leavings for name in template.names(Source.CAPTURED)}
    for place, template in profile.returned.items():
        for name in sorted(template.names(Source.CAPTURED) & secret):
            yield f"profile.returned.{place}: captured.{name} is left behind for the logout, so that it is secret"
        for name in sorted(template.names(Source.SETTING)):
            if name in profile.settings and profile.settings[name].secret:
                yield f"profile.returned.{place}: setting.{name} is secret"


def _leavings(profile: Profile) -> Sequence[tuple[str, Template]]:
    return [*profile.leavings, *((f"returned.{name}", template) for name, template in profile.returned.items())]


def _users_of_settings(profile: Profile) -> Sequence[tuple[str, Headed | Template]]:
    return [*profile.login_requests, *_leavings(profile)]
