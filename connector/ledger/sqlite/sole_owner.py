"""What the one owner of a ledger's file keeps to itself: its claims end with it, and so nothing is written for them."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.sql import refresh_rows, selection, session_rows, ticks
from connector.ledger.sql.operations import Operations
from connector.ledger.sql.selection import Claimed
from connector.ledger.sql.table import Table, marks
from connector.ledger.sqlite.file import LedgerFile
from connector.model.debts import Debt
from connector.model.sessions import Current, Login, RefreshClaim, RefreshState


class SoleOwner(Operations):
    """What a ledger does, in a file that is open."""

    def __init__(self, path: Path, keyring: Keyring, *, grace: float, clock: Callable[[], float]) -> None:
        self._file = LedgerFile(path, keyring, self._quarantined)
        super().__init__(self._file, grace=grace, clock=clock)
        self._still_owed = self._file.together(selection.still_owed)
        self._claims: dict[tuple[int, int], str] = {}
        """The debts that are being retried, by id and revision, with their origins. The file's one owner has all claims."""
        self._claiming = asyncio.Lock()
        self._turn = ""
        """The origin that was looked at last, so that each has its turn."""
        self._unreleased: dict[Login, bool] = {}
        """Refreshes that are over although that could not be recorded yet: whether nobody knows what has come of them."""

    async def tick(self) -> int:
        number = await self.transact(ticks.advance)
        self._file.term = replace(self._file.term, tick=number)
        return number

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        # The file has one owner, who is asked only once at a time. So nobody else can have the claim.
        login, now = (session_id, login_id), self._clock()
        earlier = self._unreleased.get(login)

        def claim(table: Table) -> RefreshClaim:
            if earlier is not None:
                refresh_rows.over(table, session_id, login_id, unanswered=earlier)
            [session] = session_rows.open_by(table, [login])
            if session is None or session.credential is None:
                return RefreshClaim(RefreshState.NOT_DUE, None)
            is_due = session.version == version
            if is_due:
                refresh_rows.begin(table, session, now=now)
            return RefreshClaim(
                RefreshState.OURS if is_due else RefreshState.NOT_DUE, Current(session.credential, session.version)
            )

        claimed = await self.transact(claim)
        self._unreleased.pop(login, None)
        return claimed

    async def release_refresh(self, session_id: str, login_id: str, *, unanswered: bool = False) -> None:
        self._unreleased[session_id, login_id] = unanswered
        await self.transact(lambda table: refresh_rows.over(table, session_id, login_id, unanswered=unanswered))
        self._unreleased.pop((session_id, login_id), None)

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        async with self._claiming:
            claimed = self._claimed(per_origin)
            found = await self.transact(lambda table: selection.due(table, now, claimed, limit=limit, after=self._turn))
            self._turn = found[-1].origin if found else ""
            self._claims |= {(debt.id, debt.revision): debt.origin for debt in found}
            return found

    async def claim(self, debt: Debt) -> bool:
        return await self._still_owed(debt)  # nobody else has the file, and what is tried here is shared

    async def release(self, debt: Debt) -> None:
        self._claims.pop((debt.id, debt.revision), None)

    async def may_send(self, debt: Debt, *, retried: bool) -> bool:
        # Nobody else has the file, and what is tried here is shared. But a cleanup may have ended since a retry read the debt.
        return not retried or await self._still_owed(debt)

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        claimed = self._claimed(per_origin)
        return await self.transact(lambda table: selection.next_due(table, now, claimed))

    async def introduce(self, about: bytes | None) -> Collection[bytes]:  # noqa: ARG002 - the file has one owner
        """Return nothing: nobody else is there."""
        return ()

    async def owners(self) -> Sequence[tuple[str, bytes | None]]:
        """Return nothing: the one owner is who asks."""
        return ()

    def _claimed(self, per_origin: int) -> Claimed:
        """Return a copy: the transaction looks at it in another thread."""
        ids = [id_ for id_, _ in self._claims]
        return Claimed(per_origin, Counter(self._claims.values()), f"id NOT IN ({marks(ids)})" if ids else "true", ids)
