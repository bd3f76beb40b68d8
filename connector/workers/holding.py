"""Debts that today's configuration cannot end: they wait, and are due again once it can."""

import asyncio
from collections import Counter

import structlog

from connector.ledger.port import HeldBackDebts
from connector.model.debts import Debt, Group, LogoutState, Sorted
from connector.model.errors import DebtHeldBack, LedgerUnavailable
from connector.model.outcomes import OTHER_END_SYSTEM, LogoutOutcome
from connector.sessions.logouts import Logouts, login_of

log = structlog.get_logger(__name__)

PAUSE = 5.0
"""Seconds until a ledger that cannot be read or written is tried again."""


class Holding:
    """Holds back what today's end system cannot end, and lets go of what it can. Nothing is lost by a start with another one."""

    def __init__(self, ledger: HeldBackDebts, logouts: Logouts) -> None:
        self._ledger = ledger
        self._logouts = logouts
        self._held = logouts.held
        self._is_sorted = False

    async def sort(self) -> None:
        """Sort all debts as soon as the ledger works, and log how many are held back. A second call does nothing.

        Of each group, one debt is looked at first. If nothing has changed for it, the group stays as it is. A single debt that is
        different is held back when it is tried.
        """
        while not self._is_sorted:
            try:
                self._tell(await self._sorted())
                self._is_sorted = True
            except LedgerUnavailable as problem:
                log.warning(
                    "what is owed cannot be looked through for now; it is tried again soon", reason=str(problem), seconds=PAUSE
                )
                await asyncio.sleep(PAUSE)

    async def make_due(self, id_: int, *, here: bool = False) -> Debt:
        """Make a logout due at once for an administrator; `here` sends one that is held back to today's end system.

        Raises:
            NoSuchDebt: there is none that could be tried again.
            DebtHeldBack: it would only be held back again.
        """
        debt = await self._ledger.actionable(id_)
        held = self._held(debt)
        if held is None:
            return await self._ledger.make_due(id_)
        today = self._logouts.origin(login_of(debt))
        if held != OTHER_END_SYSTEM or not here:
            raise DebtHeldBack(_advice(debt, held, today))
        log.warning("an administrator has a logout sent to another end system than its own", made_for=debt.origin, sent_to=today)
        return await self._ledger.make_due(id_, here=today)

    async def _sorted(self) -> Counter[str]:
        """Sort each group, and return how many debts are held back, by where they were made."""
        held_back = Counter[str]()
        for group in await self._ledger.groups():
            sample = await self._ledger.one_of(group)
            if any(self._has_changed(debt) for debt in sample):
                held_back[group.origin] += await self._sort_group(group)
            elif group.state is LogoutState.WAITING:
                held_back[group.origin] += group.size
        return +held_back

    async def _sort_group(self, group: Group) -> int:
        number = last = 0
        while debts := await self._ledger.next_of(group, after=last):
            last = debts[-1].id
            judged = [Sorted(debt, self._held(debt)) for debt in debts]
            changed = [each for each in judged if each.held != _held_until_now(each.debt)]
            await self._ledger.sort(changed)
            number += sum(each.held is not None for each in judged)
        return number

    def _has_changed(self, debt: Debt) -> bool:
        return self._held(debt) != _held_until_now(debt)

    def _tell(self, held_back: Counter[str]) -> None:
        if held_back:
            log.warning(
                "logouts are held back, because they are of other end systems than today's; "
                "they go on once the configuration leads there (`connector owed list --state waiting`)",
                logouts=held_back.total(),
                made_for=dict(held_back),
            )


def _advice(debt: Debt, held: LogoutOutcome, today: str) -> str:
    if held == OTHER_END_SYSTEM:
        return f"made for {debt.origin}, and today's end system is {today}: --here sends it there all the same"
    return f"{held.message}: set end_system.profile to the one that it was made under ({debt.origin})"


def _held_until_now(debt: Debt) -> LogoutOutcome | None:
    return debt.outcome if debt.state is LogoutState.WAITING else None
