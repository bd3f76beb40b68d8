"""Entries: they come back unaltered, until they expire or are deleted."""

import asyncio
import math
import random
import time

import pytest

from drivers.contract import MAX_TTL, Driver, Entry, SessionScope, Stamp, SystemScope
from drivers.testing.adversarial_names import NAMES
from drivers.testing.subject import TTL, Keep, Subject, current, entry, found, in_both_roles, keep, keep_copy

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
BYTES = bytes(range(256))
VALUES = {
    "empty": b"",
    "zero": b"\0",
    "every byte": BYTES,
    "text": b"\r\nEND\r\n",
    "512 KiB": random.Random(1).randbytes(512 * 1024),  # noqa: S311 - a fixed filling, no secret
}


class EntryContract(Subject):
    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    @in_both_roles
    async def test_a_value_comes_back_byte_for_byte(self, driver: Driver, keep_: Keep, value: bytes) -> None:
        await keep_(driver, SESSION, "key", value)
        assert await found(driver, SESSION, "key") == value

    @pytest.mark.parametrize("stamp", [b"", b"\0", BYTES, b"x" * 1024], ids=["empty", "zero", "every byte", "1 KiB"])
    async def test_a_local_copy_is_kept_as_it_is_with_a_stamp_from_elsewhere(self, driver: Driver, stamp: bytes) -> None:
        kept = entry(BYTES, stamp)
        await driver.put(SESSION, "key", kept)
        assert await driver.get(SESSION, "key") == kept

    async def test_an_unknown_scope_or_key_is_a_miss(self, driver: Driver) -> None:
        assert await driver.get(SESSION, "key") is None
        await keep(driver, SYSTEM, "key", b"the system's")
        assert await driver.get(SESSION, "key") is None
        assert await driver.get(SYSTEM, "another") is None

    @in_both_roles
    async def test_the_last_value_put_is_the_one_found(self, driver: Driver, keep_: Keep) -> None:
        for value in (b"first", b"second, longer", b"3"):
            await keep_(driver, SESSION, "key", value)
        assert await found(driver, SESSION, "key") == b"3"

    @in_both_roles
    async def test_no_two_keys_are_the_same_whatever_they_are_made_of(self, driver: Driver, keep_: Keep) -> None:
        assert len(set(NAMES)) == len(NAMES)
        for number, key in enumerate(NAMES):
            await keep_(driver, SESSION, key, str(number).encode())
        assert [await found(driver, SESSION, key) for key in NAMES] == [str(number).encode() for number in range(len(NAMES))]

    @pytest.mark.parametrize("scope", [SESSION, SYSTEM, SessionScope("s1")], ids=["session", "system", "session alone"])
    async def test_a_deleted_entry_is_gone_and_no_other(self, driver: Driver, scope: SessionScope | SystemScope) -> None:
        others = [each for each in (SESSION, SYSTEM) if each != scope]
        for each in (*others, scope):
            await keep(driver, each, "key", b"value")
        await keep(driver, scope, "another", b"value")
        await driver.delete(scope, "key")
        assert await found(driver, scope, "key") is None
        assert await current(driver, scope, "another") == b"value"
        assert [await current(driver, each, "key") for each in others] == [b"value"] * len(others)

    async def test_deleting_what_does_not_exist_does_nothing(self, driver: Driver) -> None:
        await driver.delete(SESSION, "key")
        await keep(driver, SESSION, "another", b"value")
        await driver.delete(SESSION, "key")
        assert await current(driver, SESSION, "another") == b"value"

    async def test_a_deleted_entry_can_be_put_again(self, driver: Driver) -> None:
        await keep(driver, SESSION, "key", b"old")
        await driver.delete(SESSION, "key")
        await keep(driver, SESSION, "key", b"new")
        assert await current(driver, SESSION, "key") == b"new"

    @pytest.mark.parametrize("age", [0.0, 1.0, 1e9, math.inf])
    async def test_what_has_expired_is_not_kept(self, driver: Driver, age: float) -> None:
        stamp = await driver.stamp(SESSION)
        expired = Entry(b"value", stamp, time.time() - age)
        await driver.put(SESSION, "copy", expired)
        assert not await driver.put_if_current(SESSION, "key", expired)
        assert [await driver.get(SESSION, key) for key in ("copy", "key")] == [None, None]

    async def test_a_copy_that_is_not_kept_leaves_none_of_before(self, driver: Driver) -> None:
        await keep_copy(driver, SESSION, "key", b"before")
        await driver.put(SESSION, "key", entry(b"after", ttl=-1))
        assert await driver.get(SESSION, "key") is None

    @pytest.mark.parametrize("ttl", [MAX_TTL + 1, 31 * 24 * 3600.0, 1e12, math.inf])
    async def test_a_life_that_is_too_long_is_shortened(self, driver: Driver, ttl: float) -> None:
        stamp = await driver.stamp(SESSION)
        before = time.time()
        await driver.put(SESSION, "copy", entry(ttl=ttl))
        assert await driver.put_if_current(SESSION, "key", entry(stamp=stamp, ttl=ttl))
        for key in ("copy", "key"):
            held = await driver.get(SESSION, key)
            assert held is not None
            assert before + TTL < held.expires_at <= time.time() + MAX_TTL

    @in_both_roles
    async def test_an_entry_is_found_until_it_expires_and_not_after(self, driver: Driver, keep_: Keep) -> None:
        await keep_(driver, SESSION, "stays", b"value")
        held = Entry(b"value", Stamp(b"stamp"), time.time() + 0.2)
        await driver.put(SESSION, "key", held)
        while await driver.get(SESSION, "key") is not None:
            assert time.time() < held.expires_at + 5
            await asyncio.sleep(0.01)
        assert time.time() >= held.expires_at
        assert driver.get_at_once(SESSION, "key") is None
        assert [*driver.get_many_at_once(SESSION, ["key"])] == [None]
        await driver.purge(100)
        assert await driver.get(SESSION, "key") is None
        assert await found(driver, SESSION, "stays") == b"value"
