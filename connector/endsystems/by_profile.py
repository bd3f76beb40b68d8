"""Builds an end system of a profile. Every problem is found before anything is opened."""

from collections.abc import Iterator, Mapping

from connector.config import settings as config
from connector.endsystems.http.egress import Egress, checked_egress
from connector.endsystems.http.guard import allowed_target, url_prefix
from connector.endsystems.http.site import Site
from connector.endsystems.own_class import guarded_client
from connector.endsystems.profile.bundled import load_profile
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.outgoing import rendered_url
from connector.endsystems.profile.profile import BASE_URL, Profile
from connector.endsystems.profile.request import Request
from connector.endsystems.profile.template import Reference, Source, Template
from connector.endsystems.profile.values import CannotSend
from connector.model.errors import ConfigurationError


def end_system_by_profile(settings: config.EndSystemSection, environ: Mapping[str, str]) -> HttpEndSystem:
    """Make the end system of the profile that the settings name. Raises `ConfigurationError` with every problem."""
    problems = ["end_system.settings: expected none; only a Python class of your own has settings"] if settings.settings else []
    profile = _profile(settings.profile, problems)
    connections = checked_egress(settings, environ, problems)
    if profile is not None:
        used = _needs(profile, settings, environ, problems)
        problems += _undeclared(profile, connections.base_url)
        problems += _unbounded(profile, settings)
        # Only if all else is right: a missing variable would show up as a wrong address again.
        problems += [] if problems else _outside(profile, connections, used)
    if problems or profile is None:
        raise ConfigurationError(problems)
    client = guarded_client(settings, connections)
    site = Site(
        client,
        connections.base_url,
        connections.allowed,
        used,
        settings.deadlines.total,
        is_named_by_login=BASE_URL in profile.addresses,
        keeps_connection=profile.connection is not None,
    )
    return _rehearsed(HttpEndSystem(profile, site))


def _rehearsed(end_system: HttpEndSystem) -> HttpEndSystem:
    try:
        end_system.rehearse()
    except CannotSend as problem:
        raise ConfigurationError([f"profile.{problem.message}"]) from None
    return end_system


def _profile(name: str, problems: list[str]) -> Profile | None:
    try:
        return load_profile(name)
    except ConfigurationError as found:
        problems += found.problems
        return None


def _needs(
    profile: Profile, settings: config.EndSystemSection, environ: Mapping[str, str], problems: list[str]
) -> dict[str, str]:
    """Return the environment variables that the profile uses, and note what it needs and does not get."""
    used = {}
    after_login = {name for name, _ in profile.uses_of_a_login}
    for name, head in profile.heads:
        references = {*head.references}
        has_base_url = settings.base_url is not None or (BASE_URL in profile.addresses and name in after_login)
        if not has_base_url and any(reference.source is Source.BASE_URL for reference in references):
            problems.append(f"end_system.base_url: is missing; profile.{name} needs it")
        for variable in sorted(reference.name for reference in references if reference.source is Source.ENV):
            used[variable] = environ.get(variable, "")
            if not used[variable]:
                problems.append(f"profile.{name}: needs the environment variable {variable}, which is missing or empty")
    return used


def _undeclared(profile: Profile, base_url: Template | None) -> Iterator[str]:
    """Find the settings in the base URL that a session may lack."""
    yield from perhaps_missing("end_system.base_url", base_url, profile) if base_url else ()
    # Settings are known only while a session is opened; a later cleanup does not bring them.
    if base_url and base_url.names(Source.SETTING) and not profile.opens_sessions:
        yield "end_system.base_url: expected no setting, because the profile has no login that would know it"


def perhaps_missing(place: str, template: Template, profile: Profile) -> Iterator[str]:
    """Yield a line for each setting of a template that a session may lack; `place` is the template's own name."""
    for name in sorted(template.names(Source.SETTING)):
        if name not in profile.settings or not profile.settings[name].is_always_there:
            yield f"{place}: setting.{name} is not declared in profile.settings as required or with a default"


def _unbounded(profile: Profile, settings: config.EndSystemSection) -> Iterator[str]:
    if profile.addresses and not settings.allowed_urls:
        yield "end_system.allowed_urls: is missing; logins name addresses (profile.addresses), so say where they may lead"


def _outside(profile: Profile, connections: Egress, environ: Mapping[str, str]) -> list[str]:
    """Find the requests whose address is known at start and not allowed."""
    problems = []
    named = {name for name, _ in profile.logout_requests} if BASE_URL in profile.addresses else set()
    for name, request in profile.requests:
        if name in named and request.url.parts[0] == Reference(Source.BASE_URL):
            continue
        try:
            if (address := _address(request, connections, environ)) is not None:
                allowed_target(address, connections.allowed)
        except ValueError as problem:
            problems.append(f"profile.{name}.url: {problem}")
    return problems


def _address(request: Request, connections: Egress, environ: Mapping[str, str]) -> str | None:
    """Return the URL of a request with a letter for each value of a session, or None if the session chooses the host.

    Raises `ValueError` for a wrong address from the environment. It has no query, because addresses are shown.
    """

    def known(reference: Reference) -> str:
        match reference.source:
            case Source.ENV:
                return environ[reference.name]
            case Source.BASE_URL:
                return connections.fixed_base_url or ""
        return "x"

    first = request.url.parts[0]
    if first == Reference(Source.BASE_URL) and connections.fixed_base_url is None:
        return None
    if isinstance(first, Reference) and first.source in {Source.SETTING, Source.ADDRESS}:
        return None
    if isinstance(first, Reference):
        url_prefix(known(first))
    return rendered_url(request.url, known)
