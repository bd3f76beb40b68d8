"""A profile on trial: one session, shown request by request."""

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

from connector.cli.header_options import Headers
from connector.cli.promises import LoginTried, Renewed, Tried
from connector.config.settings import EndSystemSection
from connector.endsystems.build import build_end_system
from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.endsystems.profile.conclusion import conclude
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.record import StepRecord
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome

Show = Callable[[StepRecord | LoginOutcome | LogoutOutcome], None]


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
    async with AsyncExitStack() as stack:
        stack.push_async_callback(end_system.aclose)
        await end_system.open()
        return await _logged_out(end_system, login, show)


async def try_login(end_system: EndSystem, settings: Mapping[str, str], show: Show) -> LoginTried:
    """Log in, renew the login if the profile can, log out, and log out once more. Show each request and what they come to."""
    session_id = str(uuid4())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(end_system.aclose)
        await end_system.open()
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


async def _logged_in(
    end_system: EndSystem, session_id: str, settings: Mapping[str, str], show: Show
) -> tuple[LoginOutcome, list[StepRecord]]:
    records: list[StepRecord] = []
    if isinstance(end_system, HttpEndSystem):
        return await end_system.log_in(settings, _noting(records, show)), records
    return await end_system.login(session_id, settings), records


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
    outcome = await end_system.logout(login)
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
        outcome = await end_system.logout(login)
    show(outcome)
    return Tried(outcome, records)
