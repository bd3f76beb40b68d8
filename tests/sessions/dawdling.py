"""An end system of one's own that is away, and says for how long."""

from collections.abc import Mapping

from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult


class DawdlingSettings(EndSystemSettings):
    """How long it asks to wait."""

    seconds: float


class Dawdling(EndSystem):
    """Takes no login for now."""

    Settings = DawdlingSettings

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        assert isinstance(self.settings, DawdlingSettings)
        return LoginOutcome(LoginResult.UNAVAILABLE, retry_after=self.settings.seconds)

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.NOT_APPLICABLE)
