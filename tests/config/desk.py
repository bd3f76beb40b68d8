"""An end system of one's own, with a setting."""

from typing import ClassVar

from pydantic import SecretStr

from connector.endsystems.end_system import EndSystem, EndSystemSettings, SessionLogin
from connector.model.outcomes import LogoutOutcome, LogoutResult


class DeskSettings(EndSystemSettings):
    """Settings of an end system that the project does not know."""

    pin: SecretStr


class Desk(EndSystem):
    """Logs everybody out."""

    Settings: ClassVar[type[EndSystemSettings]] = DeskSettings

    def __init__(self, settings: DeskSettings) -> None:
        self.settings = settings

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
