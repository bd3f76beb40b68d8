"""Whatever replicas have done at random and the database has forgotten is there again as it was."""

import random
from collections.abc import Sequence

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import every_row
from connector.model.debts import LogoutState
from connector.model.listed import SessionState
from connector.model.sessions import OpenSession, Renewal
from tests.ledger.ledgers import DRIVERS, PENDING, VERIFIED, opening, request, session
from tests.ledger.rewound import Rewindable, replica
from tests.postgres import Postgres

STEPS = 30
SESSIONS = 3


class AtRandom:
    """Does with one of several replicas what a server may do, and remembers what it needs for that."""

    def __init__(self, seed: int, ledgers: Sequence[Ledger]) -> None:
        self._random = random.Random(seed)
        self._ledgers = ledgers
        self._begun: list[tuple[Ledger, OpenSession]] = []
        self._made = 0
        self._sealed = [0]

    async def step(self) -> None:
        ledger = self._random.choice(self._ledgers)
        await self._random.choice([self.begin, self.begin, self.go_on, self.go_on, self.clean_up, self.settle, self.renew])(
            ledger
        )

    async def begin(self, ledger: Ledger) -> None:
        self._made += 1
        login = session(self._random.randrange(SESSIONS), f"t{self._made}", f"l{self._made}")
        assert await ledger.begin_opening(opening(login))
        self._begun.append((ledger, login))

    async def go_on(self, _: Ledger) -> None:
        """End what one has begun: by a session, in vain, or without an answer."""
        if not self._begun:
            return
        ledger, login = self._begun.pop(self._random.randrange(len(self._begun)))
        match self._random.randrange(6):
            case 0:
                await ledger.opening_failed(opening(login))
            case 1:
                await ledger.opening_unanswered(opening(login))
            case 2:
                debt = await ledger.end_login(login)
                if debt is not None and self._random.random() < 0.5:
                    await ledger.forget(debt)
            case _:
                await ledger.open_session(login, None, drivers=DRIVERS)
                self._sealed.append(int(login.login_id[1:]))

    async def clean_up(self, ledger: Ledger) -> None:
        """Clean up a session by a seal of some login, or without one."""
        number, made = self._random.randrange(SESSIONS), self._random.choice(self._sealed)
        by = request(number, f"t{made}", login=f"l{made}") if self._random.random() < 0.8 else request(number, "")
        await ledger.record(by, origin=session(number).origin, drivers=DRIVERS)

    async def settle(self, ledger: Ledger) -> None:
        for debt in await ledger.listing(states=[LogoutState.OWED]):
            if self._random.random() < 0.4:
                how = self._random.choice([(LogoutState.CLOSED, VERIFIED), (LogoutState.OWED, PENDING)])
                await ledger.settle(debt, state=how[0], outcome=how[1], evicted=DRIVERS)

    async def renew(self, ledger: Ledger) -> None:
        made = self._random.randrange(self._made + 1)
        for number in range(SESSIONS):
            fresh = request(number, f"t{made}-renewed").credential
            await ledger.renew(Renewal(session(number).session_id, f"l{made}", 0, fresh))


async def shown(ledger: Ledger) -> object:
    """Return all that counts of what is open, begun and owed."""
    listed = []
    for each in await ledger.session_listing():
        is_open = each.state is SessionState.OPEN
        found = await ledger.open_by(each.session_id, each.login_id) if is_open else None
        listed.append((each.session_id, each.login_id, each.state, found and found.version))
    debts = [each for each in await every_row(ledger) if each.login_id or each.state is not LogoutState.CLOSED]
    return sorted(listed), sorted(
        (each.id, each.session_id, each.login_id, each.state, each.version, each.attempts) for each in debts
    )


@pytest.mark.parametrize("seed", range(16))
async def test_all_that_was_lost_is_there_again_as_it_was(postgres: Postgres, seed: int) -> None:
    database = Rewindable(postgres, postgres.new_database())
    async with replica(database) as one, replica(database) as other:
        acting = AtRandom(seed, [one, other])
        for step in range(STEPS):
            if step == seed * STEPS // 16:
                database.keep()
            await acting.step()
        before = await shown(one)
        database.rewind()
        for each in random.Random(seed).sample([one, other], 2):
            await each.statistics()
        after = await shown(one)

    assert after == before
