"""Whose seats a login takes: those of one end system or, by a template, of one user of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.config import settings as config
from connector.endsystems.by_profile import perhaps_missing
from connector.endsystems.end_system import EndSystem
from connector.endsystems.profile.grammar import parse
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.setting import MISSING, Setting, effective
from connector.endsystems.profile.template import Source, Template
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError

SEATS, SEATS_PER = "end_system.seats", "end_system.seats_per"


@dataclass(frozen=True, slots=True)
class SeatPools:
    """Names the pool of a login."""

    seats: int
    """How many each pool has."""
    per: Template | None
    """Tells users apart, by settings."""
    declared: Mapping[str, Setting]
    """The settings that a profile declares; none of a class."""

    def of(self, origin: str, settings: Mapping[str, str]) -> str:
        """Return the name of the pool of a login with these checked settings. It holds values of them: show it to nobody."""
        return f"{origin}\n{self._whose(settings)}"

    def faults(self, settings: Mapping[str, str]) -> Iterator[str]:
        """Yield what is wrong with settings that have to tell users apart, as `EndSystem.check_settings` does."""
        given, names = self._effective(settings), sorted(self.per.names(Source.SETTING)) if self.per else []
        if missing := [name for name in names if not given.get(name)]:
            yield from (f"{name}: {MISSING}; {SEATS_PER} needs it" for name in missing)
            return
        try:
            self._whose(settings)
        except CannotSend as problem:
            yield f"{', '.join(names)}: {problem.message}, as {SEATS_PER} needs it"

    def _whose(self, settings: Mapping[str, str]) -> str:
        return self.per.render(Values(Credential(), {}, settings=self._effective(settings)).of) if self.per else ""

    def _effective(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        return {**settings, **effective(self.declared, settings)}


def seat_pools(settings: config.EndSystemSection, end_system: EndSystem) -> SeatPools | None:
    """Return what names the pools of logins; None if they are not counted. Raises `ConfigurationError` with every problem."""
    profile = end_system.profile if isinstance(end_system, HttpEndSystem) else None
    problems = [*_misplaced(settings, end_system)]
    per = None
    try:
        per = None if settings.seats_per is None else _parsed(settings.seats_per)
    except ValueError as problem:
        problems.append(f"{SEATS_PER}: {problem}")
    if per is not None and profile is not None:
        problems += perhaps_missing(SEATS_PER, per, profile)
    if problems:
        raise ConfigurationError(problems)
    return None if settings.seats is None else SeatPools(settings.seats, per, profile.settings if profile else {})


def _misplaced(settings: config.EndSystemSection, end_system: EndSystem) -> Iterator[str]:
    if settings.seats is None:
        if settings.seats_per is not None:
            yield f"{SEATS_PER}: expected {SEATS} beside it"
    elif not end_system.opens_sessions:
        yield f"{SEATS}: expected an end system with a login, because only logins that are made here are counted"
    elif not end_system.ends_sessions:
        yield f"{SEATS}: expected an end system with a logout, because nothing else gives a seat back"


def _parsed(text: str) -> Template:
    """Parse a template of settings. Raises `ValueError`."""
    template = parse(text)
    references = [*template.references]
    if not references:
        raise ValueError("expected a setting in braces, such as {setting.username}")
    if others := [reference for reference in references if reference.source is not Source.SETTING]:
        raise ValueError(f"expected only setting.<name> in braces, not {others[0]}")
    return template
