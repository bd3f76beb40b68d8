"""What an owner works on: what it was given, and has not given back. Transactions ask in their thread, callers in theirs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connector.model.debts import Debt


@dataclass(slots=True)
class Hold:
    """A debt in hand. Each try of it is told by the revision that the debt has for it."""

    owner: bytes
    """The owner's word when it claimed the debt. If it has another one by now, it was taken for gone meanwhile."""
    origin: str | None
    """Where a retry of it is; None for the first try of a cleanup."""
    tries: dict[int, bool] = field(default_factory=dict)
    """By revision: whether the end of the try is being recorded."""


@dataclass(slots=True, eq=False)
class Receiver:
    """A call that is given debts. Its caller may be gone before its transaction comes."""

    is_over: bool = False
    given: list[Debt] = field(default_factory=list)


class InHand:
    """The debts and the refreshes that this owner has in hand. Claims beyond it are of calls that were cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holds: dict[int, Hold] = {}
        self.refreshes: set[tuple[str, str]] = set()
        """The ids of sessions and logins whose refreshes are asked for, or claimed."""
        self.in_doubt: set[tuple[str, str]] = set()
        """Those that are in hand no more although their end could not be recorded, and of which nobody knows what has come."""
        self._recording: set[tuple[str, str]] = set()
        """Those of which the end is being recorded."""

    @property
    def lasting_refreshes(self) -> set[tuple[str, str]]:
        """Those that go on: if nobody has claimed them, somebody has lost that."""
        return self.refreshes - self._recording

    @contextmanager
    def ending_refresh(self, session_id: str, login_id: str) -> Iterator[Callable[[], None]]:
        """Record the end of a refresh in the context, and give what notes that it was. Otherwise the refresh stays in hand."""
        login = session_id, login_id
        self._recording.add(login)
        try:
            yield lambda: self.refreshes.discard(login)
        finally:
            self._recording.discard(login)

    def give(self, receiver: Receiver, debts: Iterable[Debt], owner: bytes, *, first: bool = False) -> list[Debt]:
        """Give a call these debts instead of what an undone transaction gave it. A call that is over gets none."""
        with self._lock:
            self._take_back(receiver)
            receiver.given = [] if receiver.is_over else [*debts]
            for debt in receiver.given:
                hold = self._holds.setdefault(debt.id, Hold(owner, None if first else debt.origin))
                hold.owner, hold.tries[debt.revision] = owner, False
            return receiver.given

    def over(self, receiver: Receiver) -> None:
        """Take back what a call was given, and give it nothing more: nobody waits for it."""
        with self._lock:
            receiver.is_over = True
            self._take_back(receiver)

    def leave(self, debt: Debt) -> bool:
        """Note that the end of a try is being recorded, and tell whether nothing else tries the debt."""
        with self._lock:
            if (hold := self._holds.get(debt.id)) is None:
                return True
            if debt.revision in hold.tries:
                hold.tries[debt.revision] = True
            return all(hold.tries.values())

    @contextmanager
    def leaving(self, debt: Debt) -> Iterator[None]:
        """Take a try back at the end of the context, if its end was recorded. If that failed, it stays in hand."""
        try:
            yield
        except BaseException:
            with self._lock:
                if (hold := self._holds.get(debt.id)) is not None and debt.revision in hold.tries:
                    hold.tries[debt.revision] = False
            raise
        self.back(debt)

    def back(self, debt: Debt) -> bool:
        """Take a try back, and tell whether it was the last one of its debt."""
        with self._lock:
            return self._forget(debt)

    def owner_of(self, debt: Debt) -> bytes | None:
        """Return by which word a try was claimed; None if it is not in hand."""
        with self._lock:
            hold = self._holds.get(debt.id)
            return hold.owner if hold is not None and debt.revision in hold.tries else None

    def origins(self) -> dict[int, str | None]:
        """Return the ids of the debts in hand, with the origins of those that are retried."""
        with self._lock:
            return {id_: hold.origin for id_, hold in self._holds.items() if not all(hold.tries.values())}

    def clear(self) -> None:
        """Take everything back, because the owner closes."""
        with self._lock:
            self._holds.clear()

    def _take_back(self, receiver: Receiver) -> None:
        for debt in receiver.given:
            self._forget(debt)
        receiver.given = []

    def _forget(self, debt: Debt) -> bool:
        hold = self._holds.get(debt.id)
        if hold is None or hold.tries.pop(debt.revision, None) is None:
            return False
        if not hold.tries:
            del self._holds[debt.id]
        return not hold.tries
