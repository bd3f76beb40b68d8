"""The end system of the configuration as shipped: there is nothing to log out of."""

from typing import NoReturn

from connector.endsystems.end_system import EndSystem, EndSystemSettings, SessionLogin
from connector.model.errors import LoginNotCarried
from connector.model.outcomes import NOTHING_TO_END, LogoutOutcome


class NothingToEnd(EndSystem):
    """Does what the bundled profile `none` says, without the language of profiles and without a client."""

    needed_headers = frozenset[str]()
    ends_sessions = False

    def __init__(self) -> None:
        super().__init__(EndSystemSettings())

    def origin(self, session: SessionLogin) -> str:
        """Return no name, because no login is ended anywhere."""
        del session
        return ""

    def client(self, session: SessionLogin) -> NoReturn:
        """Raise `LoginNotCarried`, as every profile that does not say how a login is carried."""
        del session
        raise LoginNotCarried("profile.http: is missing; it says which headers carry the login")

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        """Return that there is nothing to end."""
        del session
        return NOTHING_TO_END
