"""How many connections there may be, and which one is closed for a new one."""

from collections import OrderedDict
from typing import Protocol


class OpenConnection(Protocol):
    """An open connection."""

    @property
    def address(self) -> str:
        """The address of its client; all clients of a Unix socket have the same."""
        ...

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: to send a request or the rest of one, or to read an answer."""
        ...

    def give_way(self) -> None:
        """Close it at once."""
        ...


class OpenConnections:
    """The open connections of one listener: at most `most`, and from one address at most `most_of_one`.

    Only those give way that wait for their client, so that no idler keeps anybody out, and nothing that is under way is broken
    off. It is the longest unused connection of the address that has most of them.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._number = 0
        self._by_address: dict[str, OrderedDict[OpenConnection, None]] = {}
        """Of each address, the longest unused one first."""

    def admit(self, new: OpenConnection) -> bool:
        """Count a new connection, and say whether there is room for it, made or found."""
        its_address = self._by_address.get(new.address, OrderedDict())
        if len(its_address) >= self._most_of_one and not self._make_room(its_address):
            return False
        if self._number >= self._most and not any(map(self._make_room, self._with_most_first())):
            return False
        self._by_address.setdefault(new.address, OrderedDict())[new] = None
        self._number += 1
        return True

    def used(self, connection: OpenConnection) -> None:
        """Note that a request has come."""
        of_one = self._by_address.get(connection.address)
        if of_one is not None and connection in of_one:
            of_one.move_to_end(connection)

    def remove(self, connection: OpenConnection) -> None:
        """Stop counting a connection, unless that was done."""
        of_one = self._by_address.get(connection.address, OrderedDict())
        if connection in of_one:
            del of_one[connection]
            self._number -= 1
        if not of_one:
            self._by_address.pop(connection.address, None)

    def _with_most_first(self) -> list[OrderedDict[OpenConnection, None]]:
        return sorted(self._by_address.values(), key=len, reverse=True)

    def _make_room(self, of_one: OrderedDict[OpenConnection, None]) -> bool:
        """Close a connection that waits for its client, and say whether there was one."""
        unused = next((connection for connection in of_one if connection.waits), None)
        if unused is None:
            return False
        self.remove(unused)
        unused.give_way()
        return True
