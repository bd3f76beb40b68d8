"""Whether a session may be opened anew, because the store can forget what its earlier login has cached."""

from msgspec import Struct

from connector.cache.storage import Storage
from connector.sessions.live import LiveSessions
from connector.sessions.opening_outcomes import OpeningRequest


class StoreGuard(Struct, frozen=True):
    """Keeps a session as it is while its old cache could not be evicted: other processes would go on serving it."""

    live: LiveSessions
    storage: Storage

    async def may_replace(self, request: OpeningRequest) -> bool:
        """Tell whether a login may be made. Raises `LedgerUnavailable`.

        It may if the store is there, or if the session is surely new.
        """
        if self.storage.watch.is_up(self.storage.authority.name):
            return True
        return request.replaced is None and await self.live.login_now(request.session_id) is None
