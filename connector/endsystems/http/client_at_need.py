"""The client of a call that may need none."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Self

from connector.endsystems.end_system import EndSystem, SessionLogin
from connector.endsystems.http.authors_client import AuthorsClient


class MakesClients(EndSystem):
    """An end system that makes a client at once: nobody has to wait until it is open."""

    @abstractmethod
    def client(self, session: SessionLogin) -> AuthorsClient:
        """Make the client; the caller closes it. Raises `LoginNotCarried`."""


class ClientAtNeed(AbstractAsyncContextManager["ClientAtNeed"]):
    """A client while its context is open, made when it is first asked for: most calls are answered from a cache."""

    __slots__ = ("_client", "_is_over", "_make")

    def __init__(self, make: Callable[[], AuthorsClient]) -> None:
        self._make = make
        self._client: AuthorsClient | None = None
        self._is_over = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        if self._client is not None:
            await self._client.close()

    @property
    def client(self) -> AuthorsClient:
        """The client, closed once the context is. Raises `LoginNotCarried` if its login lacks something."""
        if self._client is None:
            self._client = self._make()
            if self._is_over:
                self._client.detach()  # it has no connection that would have to be closed
        return self._client
