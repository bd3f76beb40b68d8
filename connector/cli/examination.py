"""An installation, looked at from one end to the other: each part of `connector.doctor` in its turn."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from yarl import URL

from connector.cli.control_client import NothingHere, NotYours, Refused, ServerDown
from connector.cli.options import chosen
from connector.cli.seen import running_server, seen
from connector.cli.trial import makes_logins, try_login
from connector.doctor.files import file_findings
from connector.doctor.finding import DoctorFinding, fault, sound, warning
from connector.doctor.ledger_database import database_findings
from connector.doctor.machine import machine_findings
from connector.doctor.public_url import public_url_findings
from connector.doctor.reach import end_system_findings
from connector.doctor.running_server import server_findings
from connector.doctor.stores import store_findings
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult
from connector.preflight.loading import Configuration, read
from connector.preflight.surroundings import drivers_and_problems


def examined(config: Path | None, settings: Mapping[str, str] | None = None, url: URL | None = None) -> Iterator[DoctorFinding]:
    """Look at an installation, and yield each finding as soon as it is known, what others depend on first.

    `settings` are those of a system to log in with; without any, nobody logs in. `url` is the address that OpsHub knows; without
    any, none is tried. It must run in a thread without an event loop.
    """
    yield from machine_findings()
    try:
        configuration = read(chosen(config), os.environ)
    except ConfigurationError as problems:
        for problem in problems.problems:
            yield fault("configuration", problem, "mend it; nothing else can be looked at before")
        return
    yield sound("configuration", str(configuration.sources.file or "all keys have their defaults"))
    yield from _configured(configuration)
    if settings is not None:
        yield asyncio.run(_login(configuration, settings))
    yield from _server(config)
    if url is not None:
        yield from _public_url(config, url)


def _configured(configuration: Configuration) -> Iterator[DoctorFinding]:
    """Look at what the configuration leads to."""
    settings = configuration.settings
    for line in settings.deprecations:
        yield warning("deprecated", line, "use the new name: the next version does not know the old one")
    drivers, problems = drivers_and_problems(settings, os.environ)
    for problem in problems:
        yield fault("start", problem, "a server does not start with this")
    yield from file_findings(settings, os.environ)
    yield from asyncio.run(store_findings(drivers))
    yield from database_findings(settings.ledger, os.environ)
    yield from asyncio.run(end_system_findings(settings.end_system, os.environ))


def _server(config: Path | None) -> Iterator[DoctorFinding]:
    try:
        yield from server_findings(seen(config, lambda source: source.status()))
    except NothingHere:
        yield sound("server", "it has never run here")
    except ConfigurationError as found:
        for problem in found.problems:
            yield fault("ledger", problem, "mend what it says; until then nobody can tell what is owed")
    except (NotYours, Refused) as problem:
        yield fault("server", str(problem), "run this as the user of the server, in its folder or with its --config")


def _public_url(config: Path | None, url: URL) -> Iterator[DoctorFinding]:
    try:
        with running_server(config) as server:
            yield from asyncio.run(public_url_findings(url, server))
    except (ServerDown, NotYours, Refused) as problem:
        yield fault("public-url", str(problem), "start the server, and run this as its user: it tells what arrives")


async def _login(configuration: Configuration, settings: Mapping[str, str]) -> DoctorFinding:
    end_system = configuration.end_system
    if not makes_logins(end_system):
        return sound("end-system-login", "this end system has no login to try")
    tried = await try_login(end_system, settings, lambda _: None)
    if tried.login.result is not LoginResult.LOGGED_IN:
        remedy = "`connector profiles test` shows each request of it"
        return fault("end-system-login", f"{tried.login.result.value}: {tried.login.message or tried.login.code or ''}", remedy)
    ended = tried.logout is not None and tried.logout.outcome.closes
    remedy = "`connector profiles test` shows each request; look for the session in the end system"
    seen = "logged in, and out again" if ended else "logged in, and the logout did not work"
    return sound("end-system-login", seen) if ended else fault("end-system-login", seen, remedy)
