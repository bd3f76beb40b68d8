"""Any sequence of calls, compared with a model: a plain dictionary."""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.contract import Driver, Scope, SessionScope, Stamp, SystemScope, lineage
from drivers.testing.adversarial_names import NAMES
from drivers.testing.subject import MakeDriver, Subject, entry, opened

SYSTEM_OF = {"s1": "A", "s10": "A", "*": "*", "A": None}
SCOPES: list[Scope] = [SystemScope("A"), SystemScope("*"), *(SessionScope(name, system) for name, system in SYSTEM_OF.items())]
scopes, keys, values = st.sampled_from(SCOPES), st.sampled_from(["", "key", *NAMES[:3]]), st.binary(max_size=8)
calls = st.one_of(
    st.tuples(st.just("put"), scopes, keys, values),
    st.tuples(st.just("load"), scopes, keys, values),
    st.tuples(st.just("take_stamp"), scopes),
    st.tuples(st.just("load_late"), scopes, keys, values),
    st.tuples(st.just("delete"), scopes, keys),
    st.tuples(st.just("evict"), st.lists(scopes, max_size=2)),
    st.tuples(st.just("evict_by_id"), st.sampled_from([*SYSTEM_OF])),
    st.tuples(st.just("purge"), st.integers(1, 3)),
)


@dataclass
class Model:
    """A driver and its model. Each method makes one call of both, and `compare` tells whether they agree."""

    driver: Driver
    entries: dict[tuple[Scope, str], bytes] = field(default_factory=dict)
    stamps: dict[Scope, Stamp] = field(default_factory=dict)
    """Current stamps that were asked for."""
    taken: dict[Scope, Stamp] = field(default_factory=dict)
    """Stamps that slow loaders have taken, current or not."""

    async def put(self, scope: Scope, key: str, value: bytes) -> None:
        await self.driver.put(scope, key, entry(value))
        self.entries[scope, key] = value

    async def load(self, scope: Scope, key: str, value: bytes) -> None:
        await self.take_stamp(scope)
        await self.load_late(scope, key, value)

    async def take_stamp(self, scope: Scope) -> None:
        stamp = await self.driver.stamp(scope)
        assert self.stamps.setdefault(scope, stamp) == stamp
        self.taken[scope] = stamp

    async def load_late(self, scope: Scope, key: str, value: bytes) -> None:
        stamp = self.taken.get(scope, Stamp(b"never given"))
        is_current = self.stamps.get(scope) == stamp
        assert await self.driver.put_if_current(scope, key, entry(value, stamp)) is is_current
        if is_current:
            self.entries[scope, key] = value

    async def delete(self, scope: Scope, key: str) -> None:
        await self.driver.delete(scope, key)
        self.entries.pop((scope, key), None)

    async def evict(self, scopes: list[Scope]) -> None:
        await self.driver.evict(*scopes)
        for scope in scopes:
            self._forget(scope)

    async def evict_by_id(self, session_id: str) -> None:
        await self.driver.evict(SessionScope(session_id))
        self._forget(SessionScope(session_id, SYSTEM_OF[session_id]))

    async def purge(self, limit: int) -> None:
        await self.driver.purge(limit)

    async def compare(self) -> None:
        for scope in SCOPES:
            for key in ["", "key", *NAMES[:3]]:
                held = await self.driver.get(scope, key)
                assert (held.value if held else None) == self.entries.get((scope, key))
            if scope in self.stamps:
                assert await self.driver.stamp(scope) == self.stamps[scope]

    def _forget(self, evicted: Scope) -> None:
        gone = {scope for scope in SCOPES if lineage(evicted)[0] in lineage(scope)}
        self.entries = {place: value for place, value in self.entries.items() if place[0] not in gone}
        self.stamps = {scope: stamp for scope, stamp in self.stamps.items() if scope not in gone}


class AgainstModel(Subject):
    _stores = count()

    @given(sequence=st.lists(calls, max_size=30))
    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        # every example begins with a store of its own, whichever class the suite is derived by
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    async def test_any_sequence_of_calls_does_what_a_dictionary_would(
        self, make_driver: MakeDriver, sequence: list[tuple[object, ...]]
    ) -> None:
        async with opened(make_driver(f"model {next(self._stores)}")) as driver:
            model = Model(driver)
            for name, *arguments in sequence:
                await getattr(model, str(name))(*arguments)
                await model.compare()
