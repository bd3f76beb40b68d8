"""An end system of one's own that hands on text which was cut in two."""

from collections.abc import Mapping
from urllib.parse import quote

from connector.endsystems.end_system import EndSystem, LoginOutcome, SessionLogin
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult


class Mumbling(EndSystem):
    """Refuses every login, with half a character."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        return LoginOutcome(LoginResult.REFUSED, code="E-\ud83d", message="half a \ud83d")

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.NOT_APPLICABLE)


class Telltale(Mumbling):
    """Refuses every login, and repeats what it was given in words of its own."""

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        password = settings["password"]
        told = f"no {password} at https://desk.test/?p={quote(password, safe='')} for {settings['user']}"
        return LoginOutcome(LoginResult.REFUSED, code=f"not-{password}", message=told)
