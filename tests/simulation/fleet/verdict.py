"""What must be so in the end: nothing is owed, and no login is alive that nobody knows of."""

import asyncio
from collections.abc import Sequence

from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.listed import SessionState
from tests.simulation.fleet.clocks import DAY_ONE
from tests.simulation.fleet.desk import TOKEN
from tests.simulation.fleet.replica import Replica
from tests.simulation.fleet.world import World

QUIET = 600.0
"""Seconds after which nothing may be owed any more, once everything works."""


OFF = 300.0
"""Seconds by which a replica's idea of the database's time may be off: no answer that it goes by takes longer."""


class Verdict:
    """Judges what a run has left, by the ledger and by the end system."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._oracle = world.oracle
        self._replica = world.replicas[0]

    @property
    def _ledger(self) -> Ledger:
        return self._replica.parts.ledger

    async def judge(self) -> None:
        """Wait until nothing is owed any more, and see what is left."""
        loop = self._world.loop
        until, owed = loop.time() + QUIET, await self._owed()
        while owed and loop.time() < until and not self._oracle.violations:
            await asyncio.sleep(5)
            owed = await self._owed()
        if owed:
            self._oracle.broken(f"for {QUIET:g} s nothing goes wrong any more, and still there is {owed}")
        await self._judge_logins()
        self._judge_the_end_system()

    async def _owed(self) -> str:
        """Return what still has to be done, in words; empty if nothing is."""
        try:
            for each in self._world.replicas:  # one that was silent may still have to write again what it knows
                totals = await each.begin(each.parts.ledger.statistics())
        except LedgerUnavailable as problem:
            return f"a ledger that does not answer: {problem}"
        left = {
            "owed": totals.owed,
            "evictions": totals.evictions,
            "openings": totals.openings,
            "what replicas have to write again": not totals.gives_seats,
            "under way at": [each.name for each in self._world.replicas if _is_busy(each)],
            "not trusted by": [each.name for each in self._world.replicas if not each.parts.storage.trusted],
            "sessions that OpsHub has forgotten": totals.sessions if self._world.climate.forgets else 0,
        }
        return ", ".join(f"{name}: {value}" for name, value in left.items() if value)

    async def _judge_logins(self) -> None:
        """Compare the ledger's rows with the logins that are alive."""
        listed = await self._replica.begin(self._ledger.session_listing())
        unknown = [each for each in listed if each.state is SessionState.UNKNOWN]
        tokens = {await self._token(each.session_id, each.login_id) for each in listed if each.state is SessionState.OPEN}
        self._judge_open(tokens)
        closed = await self._replica.begin(self._ledger.listing(states=[LogoutState.CLOSED]))
        self._judge_moments([*(each.opened_at for each in listed), *(each.recorded_at for each in closed)])
        nobodys = [login.token for login in self._world.desk.alive if login.token not in tokens]
        self._oracle.counted["unknown"] += len(unknown)
        if len(nobodys) > len(unknown):
            self._oracle.broken(f"{nobodys} are alive, and {len(unknown)} logins are unknown")
        if len(unknown) > self._world.faults:
            self._oracle.broken(f"{len(unknown)} logins are unknown after {self._world.faults} faults")
        if waiting := await self._replica.begin(self._ledger.listing(states=[LogoutState.WAITING])):
            self._oracle.broken(f"{len(waiting)} logouts need attention")

    async def _token(self, session_id: str, login_id: str) -> str:
        session = await self._replica.begin(self._ledger.open_by(session_id, login_id))
        assert session is not None
        assert session.credential is not None
        return session.credential[TOKEN]

    def _judge_moments(self, moments: Sequence[float]) -> None:
        now = self._world.clock()
        if strange := [moment for moment in moments if not DAY_ONE - OFF < moment < now + OFF]:
            self._oracle.broken(f"{strange} were never the time of the database, where it is {now}")

    def _judge_open(self, tokens: set[str]) -> None:
        lives = [life for lives in self._oracle.lives.values() for life in lives]
        # A cleanup that could not be recorded has ended them, and was answered 503. Until it is recorded, a kill forgets it.
        maybe_forgotten = {life.token for life in lives if life.may_be_over and life.over is None} if self._world.dead else set()
        for token in sorted(tokens - {login.token for login in self._world.desk.alive} - maybe_forgotten):
            self._oracle.broken(f"{token} has ended, and its session is open")
        for life in lives:
            if life.over is not None and life.is_over_for_good and life.token in tokens:
                self._oracle.broken(f"the session of {life.token} is open, which is over since {life.over}")
            if not (life.may_be_over or self._world.climate.forgets) and life.token not in tokens:
                self._oracle.broken(f"the session of {life.token} is not open, although nobody has ended it")

    def _judge_the_end_system(self) -> None:
        desk, seats = self._world.desk, self._world.climate.seats
        self._oracle.counted["sent twice"] += desk.sent_twice
        if desk.sent_twice > self._world.faults:
            self._oracle.broken(f"{desk.sent_twice} logouts were sent twice after {self._world.faults} faults")
        if seats is not None and (crowds := [alive for alive in desk.at_once if len(alive - self._oracle.nobodys) > seats]):
            self._oracle.broken(f"{sorted(crowds[0])} were alive at a time, where {seats} are allowed")


def _is_busy(replica: Replica) -> bool:
    return bool(replica.parts.logins.under_way or len(replica.parts.live.unrecorded))
