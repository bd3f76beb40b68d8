"""Mutants: mistakes against rules of the fleet, each of which the simulation has to find.

`python -m tests.simulation.fleet.mutants` shows for each the first seed that kills it, and what was seen.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from connector.cache.storage import Storage
from connector.ledger.postgres import held_claims, history, owners, replica
from connector.ledger.postgres.database_clock import DatabaseClock
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.history import History
from connector.ledger.postgres.standstill import StandstillWatch
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.postgres.transactions import FleetTransactions
from connector.ledger.sql import opening_rows, recording, ticks
from connector.preflight import ledger_store
from connector.sessions.unrecorded import Unrecorded
from tests.fleet.planting import MUTANTS as OF_SESSIONS
from tests.sessions.planting import nothing
from tests.simulation.fleet.climate import LONG, RESTS
from tests.simulation.fleet.runs import simulate
from tests.simulation.mutants import Killed, reported
from tests.simulation.quiet import quiet

SEEDS = 100


@dataclass(frozen=True, slots=True)
class Mistake:
    """What stands in the place of a function or a value."""

    owner: Any
    name: str
    mistaken: Callable[[Any], Any]
    """Makes it of the real one."""
    favoured: Mapping[str, Any]
    """Values of the climate in which it matters."""
    beside: "Mistake | None" = None
    """Another mistake, without which this one would be mended."""

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the mistake as long as the context is."""
        with nullcontext() if self.beside is None else self.beside.made(), self._made():
            yield

    @contextmanager
    def _made(self) -> Iterator[None]:
        is_own, real = self.name in vars(self.owner), getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.mistaken(real))
        try:
            yield
        finally:
            if is_own:
                setattr(self.owner, self.name, real)
            else:
                delattr(self.owner, self.name)


def gone_at_once(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, sequences: [*sequences]


def written_by_nobody(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: 0


def never(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: False


def nothing_wrong(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: None


def one_less(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda table, pool, seats: real(table, pool, seats - 1)


def whatever_its_age(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda watch, sequences: real(watch, dict.fromkeys(sequences, 0))


def taken_for_done(real: Callable[..., Any]) -> Callable[..., Any]:
    def end(fleet: FleetTransactions, commit: Callable[[], Any]) -> None:
        with suppress(psycopg.OperationalError):
            real(fleet, commit)

    return end


def seen_before_its_wait(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return what looks as if its statements were in the transaction before the lock was waited for."""

    def look(table: FleetTable, *arguments: Any, **named: Any) -> Any:
        of_the_model: Any = table.connection
        with of_the_model._connection.as_before_its_wait():
            return real(table, *arguments, **named)

    return look


def locked_late(real: str) -> str:
    """Return a prologue whose own row is written first."""
    before, _, after = real.partition(TAKE_LOCK)
    _, write, rest = after.split("; ", 2)
    return f"{before}{write}; {TAKE_LOCK}; {rest}"


def counted_by_each(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda table, *_, **__: ticks.advance(table)


def as_if_all_had_written(real: Callable[..., Any]) -> Callable[..., Any]:
    def record(table: FleetTable, *arguments: Any, **named: Any) -> Any:
        told = table.term
        table.term = replace(told, is_complete=True)
        try:
            return real(table, *arguments, **named)
        finally:
            table.term = told

    return record


PLAIN = {"near": False, "forgets": False, "seats": None, "clocks": (0,), "replace": "after", "replicas": 2, "watchers": 1}
CALM = {"bad_database": 0.0, "bad_store": 0.0, "bad_desk": 0.0, "troubles": 0}
CALLS = {**PLAIN, **CALM, "races": 0, "travel": (0.01, 0.3), "pause": (0, 0.1), "lasts": (0.5, 1), "watchers": 6, "sessions": 1}
AT_ONCE = {**PLAIN, **CALM, "races": 1, "travel": (0,), "pause": (0, 0.01), "lasts": (0, 0.01), "sessions": 2, "steps": 8}
SLOW = {**PLAIN, **CALM, "replicas": 3, "travel": (0.01, 0.3), "pause": (2, 5), "lasts": (2, 5), "steps": 8, "sessions": 3}
SEATS = {**CALM, "seats": 2, "sessions": 3, "steps": 5, "races": 0.7}
REAPS = {**CALM, "forgets": True, "pause": RESTS, "lasts": LONG, "steps": 5, "replicas": 3}
BAD_DATABASE = {**PLAIN, **CALM, "bad_database": 0.1, "travel": (0,)}
HOURS_APART = {"clocks": (3600, -3600)}
LOSES = {"troubles": 3, "mischief": ("lose",)}
LOSES_OFTEN = {
    **PLAIN,
    **CALM,
    **LOSES,
    "replicas": 3,
    "sessions": 6,
    "races": 0,
    "travel": (0.01,),
    "pause": (0.1,),
    "lasts": (0.1,),
    "replace": "before",
    "watchers": 0,
    "steps": 12,
    "troubles": 4,
    "joins": 0,
    "balances": True,
}
SPLITS = {"troubles": 3, "mischief": ("split",), "bad_database": 0.0}
LONG_SPLITS = {
    **PLAIN,
    **CALM,
    **SPLITS,
    "races": 0,
    "travel": (0,),
    "pause": (0.3,),
    "lasts": (2,),
    "watchers": 3,
    "sessions": 2,
}
FAVOURED: Mapping[str, Mapping[str, Any]] = {
    "memory decides, as in one process": {},
    "a login is alive under any stamp": {},
    "the stamp is taken after the question": {**CALLS, "steps": 8},
    "nobody looks for the ends of others": {**LONG_SPLITS, "steps": 8},
    "a new login has the keys of the old one": SPLITS,
    "a cleanup ends what memory knows": {},
    "an end evicts before it is durable": {},
}
"""Of the mistakes that `tests.fleet` plants, those that the simulation finds, too."""
SERVED = Mistake(Storage, "trusted", lambda _: True, {})
"""Replicas that meet two masters of a store find that out, too, and then ask the ledger about each call."""


def _of_sessions(name: str) -> Mistake:
    planted = OF_SESSIONS[name]
    beside = SERVED if name == "nobody looks for the ends of others" else None
    return Mistake(planted.owner, planted.name, planted.mistaken, FAVOURED[name], beside)


MUTANTS = {
    **{name: _of_sessions(name) for name in FAVOURED},
    "an owner is gone after a while, whatever it does": Mistake(
        StandstillWatch, "gone", whatever_its_age, {**SLOW, "races": 0.7}
    ),
    "a cleanup looks before it waits": Mistake(recording, "record", seen_before_its_wait, AT_ONCE),
    "replicas may have stores of their own": Mistake(
        ledger_store, "problem_of_sharing", nothing_wrong, {**CALM, "own_stores": True}
    ),
    "seats are counted by what was there before the lock": Mistake(opening_rows, "has_room", seen_before_its_wait, SEATS),
    "the last seat is given to nobody": Mistake(opening_rows, "has_room", one_less, SEATS),
    "what was written down without an answer is left": Mistake(Unrecorded, "keep_in_vain", nothing, BAD_DATABASE),
    "a COMMIT without an answer has taken effect": Mistake(
        FleetTransactions, "_end", taken_for_done, BAD_DATABASE, Mistake(History, "_is_rewound", never, {})
    ),
    "each replica counts ticks": Mistake(replica, "_tick", counted_by_each, REAPS),
    "a transaction writes before it has the lock": Mistake(owners, "BEGIN", locked_late, {}),
    "a replica's own clock decides": Mistake(DatabaseClock, "saw", nothing, HOURS_APART),
    "an owner is gone as soon as another is there": Mistake(StandstillWatch, "gone", gone_at_once, {}),
    "nothing is written again that was lost": Mistake(history, "write_again", written_by_nobody, LOSES),
    "a cleanup ends what it finds, though others have to write again what they know": Mistake(
        held_claims, "record", as_if_all_had_written, LOSES_OFTEN
    ),
    "what was lost is not noticed": Mistake(History, "_is_rewound", never, LOSES),
}


def hunt(mistake: Mistake, seeds: int = SEEDS) -> Killed | None:
    """Return the first seed that shows the mutant for what it is, if there is one."""
    with quiet(), mistake.made():
        for seed in range(seeds):
            if violations := simulate(seed, mistake.favoured).violations:
                return Killed(seed, violations[0])
    return None


if __name__ == "__main__":
    sys.exit(reported(MUTANTS, hunt))
