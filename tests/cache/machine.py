"""Random requests, loads, cleanups and failures in one or two processes, compared with a model step by step."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from connector.cache.entries import LOCAL_LIFE
from drivers import DriverError, Scope, SessionScope
from tests.cache.actors import EndSystemFailed, Load, Process, Request
from tests.cache.choices import KEYS, SCOPES, Which, keys, numbers, ttls, whiches
from tests.cache.gate import Gate
from tests.cache.model import Model
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import MakeDrivers, Stack

T = TypeVar("T")
ABSENT = -1
PATIENCE = 30.0
TURNS = 10
"""Of the event loop, after which whoever was woken has gone on."""


class CacheMachine(RuleBasedStateMachine):
    """Everything happens by its rules; each asserts what the model says."""

    def __init__(self, make: MakeDrivers, processes: int) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._values = count(1)
        self._model = Model(processes, now=float(int(time.time())))
        self._changes: Counter[tuple[int, Scope, str]] = Counter()
        self._requests: list[Request] = []
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

    @rule(which=whiches, key=keys, ttl=ttls)
    def set(self, which: Which, key: str, ttl: float) -> None:
        request = self._request(which)
        stored = self._run(request.cache.set(key, value := next(self._values), ttl=ttl))
        assert stored == self._takes(request)
        if request.life is not None:
            self._changes[request.process.number, request.scope, key] += 1
        if stored:
            self._stored(request, key, value, ttl)

    @rule(which=whiches, key=keys)
    def delete(self, which: Which, key: str) -> None:
        request = self._request(which)
        by = request.process
        self._changes[by.number, request.scope, key] += 1
        with suppress(DriverError):
            self._run(request.cache.delete(key))
            self._model.deleted((request.scope, key), by=by.number, near_reached=by.reaches_near)

    @rule(which=whiches, key=keys)
    def get(self, which: Which, key: str) -> None:
        request = self._request(which)
        self._judge(request, key, self._run(request.cache.get(key, int, ABSENT)))

    @rule(which=whiches)
    def get_many(self, which: Which) -> None:
        request = self._request(which)
        found = self._run(request.cache.get_many(KEYS, int))
        for key in KEYS:
            self._judge(request, key, found.get(key, ABSENT))

    @rule(which=whiches, key=keys, ttl=ttls)
    def begin_load(self, which: Which, key: str, ttl: float) -> None:
        request = self._request(which)
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
        await self._settled()
        return load

    async def _settled(self) -> None:
        """Wait until nobody waits for a driver any more: whoever is not done waits for a loader."""
        gates = [gate for process in self._processes for gate in process.gates]
        quiet = 0
        while quiet < TURNS:
            await asyncio.sleep(0)
            quiet = 0 if any(gate.under_way for gate in gates) else quiet + 1

    @precondition(lambda self: any(load.called for load in self._loads))
    @rule(which=st.integers(0, 9), end=st.sampled_from(["finishes", "fails", "is cancelled"]))
    def end_load(self, which: int, end: str) -> None:
        called = [load for load in self._loads if load.called]
        load = called[which % len(called)]
        self._loads.remove(load)
        joined = [other for other in self._loads if load.shared and other.shared and other.place == load.place]
        self._run(self._ended(load, end))
        if end == "fails":
            assert isinstance(load.task.exception(), EndSystemFailed)
        elif end == "finishes":
            assert load.task.result() == load.loader.value
            if load.shared and self._takes(load.request) and load.changes == self._changes[load.value_place]:
                self._stored(load.request, load.key, load.loader.value, load.ttl)
        self._judge_joined(joined, load, end)
        self._assert_loads_are_joined()

    async def _ended(self, load: Load, end: str) -> None:
        """End a load, and let those who had joined it go on."""
        if end == "is cancelled":
            load.task.cancel()
        elif end == "fails":
            load.loader.fail(EndSystemFailed())
        load.loader.finish()
        await asyncio.wait([load.task])
        await self._settled()

    def _judge_joined(self, joined: Sequence[Load], load: Load, end: str) -> None:
        """Those who had joined have the same result; if there is none, one of them loads, or finds what others have stored."""
        done = [other for other in joined if other.task.done()]
        assert len(done) == len(joined) or (end == "is cancelled" and [other.called for other in joined].count(True) == 1)
        for other in done:
            self._loads.remove(other)
            match end:
                case "finishes":
                    assert other.task.result() == load.loader.value
                case "fails":
                    assert isinstance(other.task.exception(), EndSystemFailed)
                case _:
                    assert other.task.result() in self._model.may_see(
                        (other.request.scope, other.key), other.request.process.number
                    )

    def _assert_loads_are_joined(self) -> None:
        """Of those who share a load one loads, and everybody else loads for itself."""
        loading = [load.place for load in self._loads if load.called and load.shared]
        assert len(loading) == len({*loading})
        assert all(load.called or (load.shared and load.place in loading) for load in self._loads)

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

    @rule(process=numbers, which=numbers, failing=st.sampled_from([False, False, True]))
    def break_or_mend(self, process: int, which: int, failing: bool) -> None:
        gates = self._process_of(process).gates
        gates[which % len(gates)].failing = failing

    @rule(seconds=st.sampled_from([30.0, 30.0, LOCAL_LIFE + 1, 4000.0]))
    def wait(self, seconds: float) -> None:
        self._model.now += seconds

    @rule(process=numbers)
    def purge(self, process: int) -> None:
        for gate in self._process_of(process).gates:
            self._run(gate.behind.purge(100))

    def _request(self, which: Which) -> Request:
        """Return the request that is meant, begun just now unless it is one of the earlier ones."""
        number, scope, earlier = which
        if earlier is not None and self._requests:
            return self._requests[earlier % len(self._requests)]
        by = self._process_of(number)
        life = self._model.life(scope) if by.knows else None
        self._requests.append(Request(by, scope, self._run(by.stack.caches.of(scope)), life))
        return self._requests[-1]

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
