"""Sessions that are opened, used and cleaned up at random on three replicas, beside an oracle that believes nobody."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

import pytest

from tests.fleet.replicas import Fleet, Replica, eventually

SESSIONS, STEPS = 4, 10
DEAD = 401


@dataclass(slots=True)
class Life:
    """One login of a session."""

    headers: dict[str, str]
    wrote: set[str] = field(default_factory=set)
    """What was stored, or may have been, by this login."""
    is_over: bool = False
    """Whether OpsHub was answered that the session was cleaned up or opened anew."""


@dataclass(slots=True)
class Oracle:
    """One session as OpsHub knows it, which works on it and looks at all of its seals meanwhile."""

    replicas: Sequence[Replica]
    dice: Random
    session: str = field(default_factory=lambda: str(uuid4()))
    lives: list[Life] = field(default_factory=list)
    calls: int = 0
    ended: int = 0
    """Calls by a dead seal."""

    @property
    def anywhere(self) -> Replica:
        return self.dice.choice(self.replicas)

    async def work(self) -> None:
        for _ in range(STEPS):
            await self.dice.choice([self.open, self.write, self.write, self.clean_up])()
        await self.open()
        await self.clean_up()

    async def open(self) -> None:
        earlier = [*self.lives]
        shown = self.dice.choice(earlier).headers if earlier and self.dice.random() < 0.5 else None
        headers = await self.anywhere.opened(self.session, shown)
        self._are_over(earlier)
        self.lives.append(Life(headers))

    async def clean_up(self) -> None:
        if self.lives:
            answer = await self.anywhere.cleanup(self.session, self.dice.choice(self.lives[-2:]).headers)
            assert answer.status == 200, answer.text
            self._are_over(self.lives)

    async def write(self) -> None:
        if self.lives and not self.lives[-1].is_over:
            life, value = self.lives[-1], str(self.dice.random())
            life.wrote.add(value)
            assert await self.anywhere.status(life.headers) == 200, "a seal that is alive is not served"
            await self.anywhere.remember(life.headers, value)

    async def look(self) -> None:
        """Call by any seal that there is or was."""
        if not self.lives:
            return
        life = self.dice.choice(self.lives)
        was_over = life.is_over
        answer = await self.anywhere.opshub.call("/recall", life.headers)
        self.calls, self.ended = self.calls + 1, self.ended + was_over
        assert answer.status == (DEAD if was_over else answer.status), "a dead seal is served"
        assert answer.status in {200, DEAD}, answer.text
        if answer.status == 200:
            assert answer.body["value"] in {None, *life.wrote}, "what another login has cached"

    def _are_over(self, lives: Sequence[Life]) -> None:
        for life in lives:
            life.is_over = True


@pytest.mark.parametrize("seed", range(2))
async def test_no_dead_seal_is_served_and_no_login_is_left_whatever_comes_where(fleet: Fleet, seed: int) -> None:
    async with fleet.replicas(3) as replicas:
        oracles = [Oracle(replicas, Random(f"{seed} {number}")) for number in range(SESSIONS)]
        over = asyncio.Event()

        async def watch(oracle: Oracle) -> None:
            while not over.is_set():
                await oracle.look()
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as watching:
            for oracle in oracles:
                watching.create_task(watch(oracle))
            async with asyncio.TaskGroup() as working:
                for oracle in oracles:
                    working.create_task(oracle.work())
            over.set()
        for oracle in oracles:
            assert [await each.status(oracle.lives[-1].headers) for each in replicas] == [DEAD] * 3
        await eventually(lambda: not fleet.desk.alive)
        known = await replicas[0].ledger.known_sessions()

    assert (known.logins, known.unknown) == ({}, 0)
    assert all(oracle.calls for oracle in oracles)
    assert sum(oracle.ended for oracle in oracles)
