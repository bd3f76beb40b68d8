"""How much memory a million entries take."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiocache import SimpleMemoryCache
from cashews.backends.memory import Memory

from bench.measure import interleaved, isolated
from bench.process import resident_bytes
from bench.question import Answer, Question, Run, at_most, must
from drivers import Entry, SessionScope
from drivers.memory import MemoryDriver, MemorySettings

LIFE = 3600.0
IN_A_SESSION = 100
VALUE = 100
"""Bytes of a value; each entry has one of its own."""
NESTED = "nested dict of (value, expiry, stamp)"


async def _driver(sessions: int) -> tuple[Any, bytes | None]:
    driver = MemoryDriver("memory", MemorySettings(max_entries=10**8, max_bytes=10**12))
    for number in range(sessions):
        scope = SessionScope(f"session-{number}", "system")
        stamp = await driver.stamp(scope)
        for place in range(IN_A_SESSION):
            await driver.put(scope, f"key-{place}-of-{number}", Entry(_value(place), stamp, time.time() + LIFE))
    held = await driver.get(SessionScope("session-0", "system"), "key-0-of-0")
    return driver, held.value if held else None


async def _nested(sessions: int) -> tuple[Any, bytes | None]:
    entries: dict[str, dict[str, tuple[bytes, float, bytes]]] = {}
    for number in range(sessions):
        stamp = b"s" * 48
        entries[f"session-{number}"] = {
            f"key-{place}-of-{number}": (_value(place), time.time() + LIFE, stamp) for place in range(IN_A_SESSION)
        }
    return entries, entries["session-0"]["key-0-of-0"][0]


async def _aiocache(sessions: int) -> tuple[Any, bytes | None]:
    cache = SimpleMemoryCache(timeout=None)
    for number in range(sessions):
        pairs = [(f"session-{number}:key-{place}-of-{number}", _value(place)) for place in range(IN_A_SESSION)]
        await cache.multi_set(pairs, ttl=LIFE)
    return cache, await cache.get("session-0:key-0-of-0")


async def _cashews(sessions: int) -> tuple[Any, bytes | None]:
    cache = Memory(size=10**8)
    for number in range(sessions):
        pairs = {f"session-{number}:key-{place}-of-{number}": _value(place) for place in range(IN_A_SESSION)}
        await cache.set_many(pairs, expire=LIFE)
    return cache, await cache.get("session-0:key-0-of-0")


def _value(place: int) -> bytes:
    return place.to_bytes(VALUE, "big")


FILLED: Mapping[str, Callable[[int], Awaitable[tuple[Any, bytes | None]]]] = {
    "memory driver": _driver,
    NESTED: _nested,
    "aiocache, with a time to live": _aiocache,
    "cashews": _cashews,
}
"""Fills a cache, and returns it with the first value read from it."""


async def bytes_taken(name: str, sessions: int) -> float:
    """Return the bytes by which the process has grown for each entry."""
    await asyncio.sleep(0)
    gc.collect()
    before = resident_bytes()
    filled, first = await FILLED[name](sessions)
    gc.collect()
    taken = resident_bytes() - before
    must(filled is not None and first == _value(0), f"{name} holds what it was given")
    return taken / sessions / IN_A_SESSION


async def measure(run: Run) -> Sequence[Answer]:
    """Fill each in an interpreter of its own."""
    sessions, rounds = run.pick(10_000, 200), run.pick(3, 1)
    advance = run.begin(f"{sessions * IN_A_SESSION:,} entries in each", rounds * len(FILLED))
    contenders = {name: lambda name=name: isolated(bytes_taken, name=name, sessions=sessions) for name in FILLED}
    taken = await interleaved(contenders, rounds, advance, burst=1)
    ours = taken.pop("memory driver")
    return [
        Answer(
            "against a nested dict", ours / taken[NESTED], "times", at_most(1.6), {n: f / taken[NESTED] for n, f in taken.items()}
        ),
    ]


QUESTION = Question("memory-per-entry", "Memory of a million entries of 100 bytes", measure, limits=(NESTED,))
