"""A profile on trial: one session, shown request by request."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from uuid import uuid4

import typer

from connector.cli.header_options import Headers
from connector.cli.promises import LoginTried, Renewed, Tried
from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.escaped import logged_in, logged_out
from connector.endsystems.profile.conclusion import conclude
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.record import StepRecord
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome
from connector.runtime.supervision import OwnedTasks

Seen = StepRecord | LoginOutcome | LogoutOutcome
Show = Callable[[Seen], None]
GOING_ON = "waiting until the login is ended; Ctrl-C once more leaves it open"


def end_system_on_trial(configured: EndSystemSection, profile: str, base_url: str | None) -> EndSystem:
    """Make the end system as configured, but of this profile and at this URL. Raises `ConfigurationError`."""
    changes: dict[str, object] = {"profile": profile}
    if profile != configured.profile:
        changes |= {"settings": {}}
    if base_url is not None:
        changes |= {"base_url": base_url, "allowed_urls": []}
    return build_end_system(configured.model_copy(update=changes), os.environ)


def makes_logins(end_system: EndSystem) -> bool:
    """Tell whether there is a login to try. A static credential is none, and has nothing to end."""
    if isinstance(end_system, HttpEndSystem):
        return bool(end_system.profile.login)
    return end_system.opens_sessions and end_system.ends_sessions


async def try_logout(end_system: EndSystem, headers: Headers, show: Show) -> Tried:
    """Log out, and show each request and what they come to. The end system sets the deadline."""
    login = SessionLogin(str(uuid4()), None, Credential(headers.items(), needed=end_system.needed_headers))
    async with _opened(end_system):
        with _as_far_as_it_is_taken(show) as showing:
            return await _logged_out(end_system, login, showing)


async def try_login(end_system: EndSystem, settings: Mapping[str, str], show: Show) -> LoginTried:
    """Log in, renew the login if the profile can, log out, and log out once more. Show each request and what they come to.

    If it is cancelled, or if nobody takes what it shows, it goes on to its end: nobody else knows of the login.
    """
    async with _opened(end_system):
        with _as_far_as_it_is_taken(show) as showing:
            lives = OwnedTasks()
            life = lives.start(_life(end_system, settings, showing))
            try:
                await asyncio.wait([life])
            finally:
                if lives:  # it was cancelled
                    typer.echo(GOING_ON, err=True)
                    await lives.finish()
            return life.result()


async def _life(end_system: EndSystem, settings: Mapping[str, str], show: Show) -> LoginTried:
    session_id = str(uuid4())
    login, records = await _logged_in(end_system, session_id, settings, show)
    show(login)
    session = SessionLogin(session_id, None, login.credential)
    if login.result is not LoginResult.LOGGED_IN:
        return LoginTried(login, records, await _undone(end_system, session, show))
    refresh = await _renewed(end_system, session.credential, show)
    if refresh is not None and refresh.outcome.result is LoginResult.LOGGED_IN:
        session = replace(session, credential=refresh.outcome.credential)
    logout = await _logged_out(end_system, session, show)
    is_out = logout.outcome.closes and end_system.ends_sessions
    again = await _logged_out(end_system, session, show) if is_out else None
    return LoginTried(login, records, logout, again, refresh)


@asynccontextmanager
async def _opened(end_system: EndSystem) -> AsyncIterator[None]:
    try:
        await end_system.open()
        yield
    finally:
        await end_system.aclose()


@contextmanager
def _as_far_as_it_is_taken(show: Show) -> Iterator[Show]:
    """Give what shows until nobody takes it any more, as when a pipe is closed. That is raised at the end."""
    problems: list[OSError] = []

    def showing(seen: Seen) -> None:
        try:
            if not problems:
                show(seen)
        except OSError as problem:
            problems.append(problem)

    yield showing
    if problems:
        raise problems[0]


async def _logged_in(
    end_system: EndSystem, session_id: str, settings: Mapping[str, str], show: Show
) -> tuple[LoginOutcome, list[StepRecord]]:
    records: list[StepRecord] = []
    if isinstance(end_system, HttpEndSystem):
        return await end_system.log_in(settings, _noting(records, show)), records
    return await logged_in(end_system.login(session_id, settings)), records


async def _renewed(end_system: EndSystem, credential: Credential, show: Show) -> Renewed | None:
    """Renew a login once; None if the profile says nothing of it."""
    if not isinstance(end_system, HttpEndSystem) or not end_system.profile.refresh:
        return None
    records: list[StepRecord] = []
    return Renewed(await end_system.renew(credential, _noting(records, show)), records)


def _noting(records: list[StepRecord], show: Show) -> Callable[[StepRecord], None]:
    def note(record: StepRecord) -> None:
        records.append(record)
        show(record)

    return note


async def _undone(end_system: EndSystem, login: SessionLogin, show: Show) -> Tried | None:
    """End what a login has made until it failed; None if it has made nothing."""
    if not login.credential:
        return None
    outcome = await logged_out(end_system.logout(login))
    show(outcome)
    return Tried(outcome)


async def _logged_out(end_system: EndSystem, login: SessionLogin, show: Show) -> Tried:
    records: list[StepRecord] = []
    if isinstance(end_system, HttpEndSystem):
        async for record in end_system.run(login):
            records.append(record)
            show(record)
        outcome = conclude(records)
    else:
        outcome = await logged_out(end_system.logout(login))
    show(outcome)
    return Tried(outcome, records)
