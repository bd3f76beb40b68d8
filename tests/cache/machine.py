"""Random requests, loads, cleanups and failures in one or two processes, compared with a model step by step."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, precondition, rule

from connector.cache import Cache
from connector.cache.entries import NEAR_LIFE
from drivers import Driver, DriverError, Scope, SessionScope, SystemScope
from tests.cache.gate import Gate
from tests.cache.model import Model
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import Stack

T = TypeVar("T")
SCOPES: list[Scope] = [SessionScope("s1", "A"), SessionScope("s10", "A"), SessionScope("s2"), SystemScope("A")]
KEYS = ["", "key"]
ABSENT = -1
PATIENCE = 60.0

numbers = st.integers(0, 1)
scopes, keys, ttls = st.sampled_from(SCOPES), st.sampled_from(KEYS), st.sampled_from([40.0, 3600.0])
MakeDrivers = Callable[[Callable[[], float]], Sequence[Driver]]
"""Makes the drivers of one more process of the same deployment, with this clock."""


class EndSystemFailed(Exception):
    """What a loader raises when it is told to fail."""


@dataclass
class Process:
    """One process: its caches, and a gate before each of its drivers."""

    number: int
    stack: Stack
    gates: list[Gate]
    owed: list[Scope] = field(default_factory=list)

    @property
    def knows(self) -> bool:
        """Whether it can tell what is current."""
        return not self.gates[-1].failing and not self.owed

    @property
    def reaches_near(self) -> bool:
        return not any(gate.failing for gate in self.gates[:-1])


@dataclass(eq=False)
class Request:
    """A request that goes on for as long as the run: its cache, and the life of its scope when it began."""

    process: Process
    scope: Scope
    cache: Cache
    life: int | None


@dataclass(eq=False)
class Load:
    """A `get_or_load` that waits, for its own loader or for somebody else's."""

    request: Request
    key: str
    ttl: float
    loader: SlowLoader[int]
    life: int
    changes: int
    """How often the process had changed the value when it began."""
    shared: bool
    """Whether others may join it, and what it loads may be kept."""
    task: "asyncio.Task[int]"

    @property
    def value_place(self) -> tuple[int, Scope, str]:
        """Which value of which process."""
        return self.request.process.number, self.request.scope, self.key

    @property
    def place(self) -> tuple[object, ...]:
        """What those have in common who share a load."""
        return *self.value_place, self.life, self.changes

    @property
    def called(self) -> bool:
        return self.loader.called.is_set() and not self.task.done()

    async def go_on(self) -> None:
        """Wait until it is done, or its loader is called."""
        called = asyncio.create_task(self.loader.called.wait())
        await asyncio.wait([self.task, called], return_when=asyncio.FIRST_COMPLETED)
        called.cancel()


class CacheMachine(RuleBasedStateMachine):
    """Everything happens by its rules; each asserts what the model says."""

    requests = Bundle("requests")

    def __init__(self, make: MakeDrivers, processes: int) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._values = count(1)
        self._model = Model(processes, now=float(int(time.time())))
        self._changes: Counter[tuple[int, Scope, str]] = Counter()
        self._loads: list[Load] = []
        self._processes = [self._process(number, make) for number in range(processes)]

    def _process(self, number: int, make: MakeDrivers) -> Process:
        gates = [Gate(driver) for driver in make(lambda: self._model.now)]
        for gate in gates:
            self._run(gate.open())
        return Process(number, Stack(gates, lambda: self._model.now), gates)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(work, PATIENCE))

    def teardown(self) -> None:
        for load in self._loads:
            load.task.cancel()
        if self._loads:
            self._run(asyncio.wait([load.task for load in self._loads]))
        for process in self._processes:
            for gate in process.gates:
                self._run(gate.aclose())
        self._runner.close()

    @rule(target=requests, process=numbers, scope=scopes)
    def begin_request(self, process: int, scope: Scope) -> Request:
        by = self._process_of(process)
        return Request(by, scope, self._run(by.stack.caches.of(scope)), self._model.life(scope) if by.knows else None)

    @rule(request=requests, key=keys, ttl=ttls)
    def set(self, request: Request, key: str, ttl: float) -> None:
        value = next(self._values)
        stored = self._run(request.cache.set(key, value, ttl=ttl))
        assert stored == self._takes(request)
        if request.life is not None:
            self._changes[request.process.number, request.scope, key] += 1
        if stored:
            self._stored(request, key, value, ttl)

    @rule(request=requests, key=keys)
    def delete(self, request: Request, key: str) -> None:
        by = request.process
        self._changes[by.number, request.scope, key] += 1
        with suppress(DriverError):
            self._run(request.cache.delete(key))
            self._model.deleted((request.scope, key), by=by.number, near_reached=by.reaches_near)

    @rule(request=requests, key=keys)
    def get(self, request: Request, key: str) -> None:
        self._judge(request, key, self._run(request.cache.get(key, int, ABSENT)))

    @rule(request=requests)
    def get_many(self, request: Request) -> None:
        found = self._run(request.cache.get_many(KEYS, int))
        for key in KEYS:
            self._judge(request, key, found.get(key, ABSENT))

    @rule(request=requests, key=keys, ttl=ttls)
    def begin_load(self, request: Request, key: str, ttl: float) -> None:
        load = self._run(self._begun(request, key, ttl))
        if load.task.done():
            self._judge(request, key, load.task.result())
        else:
            assert not (request.process.knows and self._model.must_see((request.scope, key)))
            self._loads.append(load)
            self._assert_loads_are_joined()

    async def _begun(self, request: Request, key: str, ttl: float) -> Load:
        loader = SlowLoader(next(self._values))
        load = Load(
            request,
            key,
            ttl,
            loader,
            life=self._model.life(request.scope),
            changes=self._changes[request.process.number, request.scope, key],
            shared=request.process.knows and request.life == self._model.life(request.scope),
            task=asyncio.create_task(request.cache.get_or_load(key, loader, kind=int, ttl=ttl)),
        )
        if not (load.shared and any(other.shared and other.place == load.place for other in self._loads)):
            await load.go_on()
        return load

    @precondition(lambda self: any(load.called for load in self._loads))
    @rule(which=st.integers(0, 9), end=st.sampled_from(["finishes", "fails", "is cancelled"]))
    def end_load(self, which: int, end: str) -> None:
        called = [load for load in self._loads if load.called]
        load = called[which % len(called)]
        self._loads.remove(load)
        joined = [other for other in self._loads if load.shared and other.shared and other.place == load.place]
        self._run(self._ended(load, end, joined))
        if end == "finishes":
            assert load.task.result() == load.loader.value
            if load.shared and self._takes(load.request) and load.changes == self._changes[load.value_place]:
                self._stored(load.request, load.key, load.loader.value, load.ttl)
        for other in joined:
            self._judge_joined(other, load, end)
        self._assert_loads_are_joined()

    async def _ended(self, load: Load, end: str, joined: Sequence[Load]) -> None:
        """End a load, and wait until all who had joined it are done, or one of them loads instead."""
        if end == "is cancelled":
            load.task.cancel()
        elif end == "fails":
            load.loader.fail(EndSystemFailed())
        load.loader.finish()
        await asyncio.wait([load.task])
        while not any(other.called for other in joined) and (waiting := [each for each in joined if not each.task.done()]):
            going_on = [asyncio.create_task(other.go_on()) for other in waiting]
            await asyncio.wait(going_on, return_when=asyncio.FIRST_COMPLETED)

    def _judge_joined(self, other: Load, load: Load, end: str) -> None:
        """One that had joined has the same result, unless it came so late that it found another."""
        if not other.task.done():
            return
        self._loads.remove(other)
        if isinstance(other.task.exception(), EndSystemFailed):
            assert end == "fails"
        elif end != "finishes" or other.task.result() != load.loader.value:
            self._judge(other.request, other.key, other.task.result())

    def _assert_loads_are_joined(self) -> None:
        called = [load.place for load in self._loads if load.called and load.shared]
        assert len(called) == len({*called})

    @precondition(lambda self: self._loads)
    @rule(which=st.integers(0, 9))
    def cancel_one_that_waits(self, which: int) -> None:
        load = self._loads[which % len(self._loads)]
        if not load.called:
            self._loads.remove(load)
            load.task.cancel()
            self._run(asyncio.wait([load.task]))

    @rule(process=numbers, scope=st.sampled_from([*SCOPES, SessionScope("s1")]))
    def clean_up(self, process: int, scope: Scope) -> None:
        by = self._process_of(process)
        for gate in by.gates:
            try:
                self._run(by.stack.storage.evict(gate, [scope]))
            except DriverError:
                by.stack.storage.owe(gate)
        if by.gates[-1].failing:
            by.owed.append(scope)
        else:
            self._model.evicted(scope)

    @rule(process=numbers)
    def make_good(self, process: int) -> None:
        by = self._process_of(process)
        if by.owed and not by.gates[-1].failing:
            self._run(by.stack.storage.next_debt(by.gates[-1]))
            self._run(by.stack.storage.evict(by.gates[-1], by.owed))
            by.stack.storage.absolve(by.gates[-1])
            for scope in by.owed:
                self._model.evicted(scope)
            by.owed.clear()

    @rule(process=numbers, which=numbers, failing=st.booleans())
    def break_or_mend(self, process: int, which: int, failing: bool) -> None:
        gates = self._process_of(process).gates
        gates[which % len(gates)].failing = failing

    @rule(seconds=st.sampled_from([30.0, NEAR_LIFE + 1, 4000.0]))
    def wait(self, seconds: float) -> None:
        self._model.now += seconds

    @rule(process=numbers)
    def purge(self, process: int) -> None:
        for gate in self._process_of(process).gates:
            self._run(gate.behind.purge(100))

    def _process_of(self, number: int) -> Process:
        return self._processes[number % len(self._processes)]

    def _takes(self, request: Request) -> bool:
        """Whether the authority takes what this request stores."""
        return request.life == self._model.life(request.scope) and not request.process.gates[-1].failing

    def _stored(self, request: Request, key: str, value: int, ttl: float) -> None:
        by = request.process
        self._model.stored((request.scope, key), value, ttl, by=by.number, near_reached=by.reaches_near)

    def _judge(self, request: Request, key: str, found: int) -> None:
        """Compare what was read just now with what the model says."""
        place = (request.scope, key)
        if not request.process.knows:
            assert found == ABSENT
        elif self._model.must_see(place) or found != ABSENT:
            assert found in self._model.may_see(place, request.process.number)
