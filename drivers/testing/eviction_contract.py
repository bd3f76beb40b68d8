"""Evictions: all of a scope at once, and nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from drivers.contract import EVERYTHING, Driver, Scope, SessionScope, Stamp, SystemScope, Usage
from drivers.keys import scope_digest
from drivers.testing.adversarial_names import NAMES
from drivers.testing.subject import Keep, Subject, found, in_both_roles, keep_copy, purge_all

S1, S10, ALONE, OTHER = SessionScope("s1", "A"), SessionScope("s10", "A"), SessionScope("s1"), SessionScope("s1", "B")
A, B = SystemScope("A"), SystemScope("B")
AMBIGUOUS = [("a", "b:c"), ("a:b", "c"), ("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("a\0b", "c"), ("a", "b\0c")]

SOME: Sequence[Scope] = (S1, S10, A, B)
NEVER_SEEN = SessionScope("never seen", "A")


async def _stamps_of_kept(driver: Driver, keep_: Keep) -> Sequence[Stamp]:
    """Keep something of some scopes, and return their stamps."""
    for scope in SOME:
        await keep_(driver, scope, "key", b"value")
    return [await driver.stamp(scope) for scope in SOME]


async def _must_have_lost_what_is_below_a(driver: Driver, stamps: Sequence[Stamp], *, is_evicted: bool) -> None:
    lost = [await found(driver, scope, "key") is None for scope in SOME]
    changed = [before != await driver.stamp(scope) for before, scope in zip(stamps, SOME, strict=True)]
    assert lost == changed == [is_evicted] * 3 + [False]


class EvictionContract(Subject):
    @in_both_roles
    async def test_evicting_a_session_takes_all_its_entries_and_nothing_else(self, driver: Driver, keep_: Keep) -> None:
        for scope in (S1, S10, A, B):
            await keep_(driver, scope, "key", b"1")
            await keep_(driver, scope, "", b"2")
        await driver.evict(S1)
        assert [await found(driver, S1, key) for key in ("key", "")] == [None, None]
        assert [await found(driver, scope, key) for scope in (S10, A, B) for key in ("key", "")] == [b"1", b"2"] * 3

    @in_both_roles
    async def test_evicting_a_system_takes_its_sessions_along_and_nothing_else(self, driver: Driver, keep_: Keep) -> None:
        elsewhere = (B, SessionScope("s2", "B"), SessionScope("s3"), SessionScope("A"))
        for scope in (S1, S10, A, *elsewhere):
            await keep_(driver, scope, "key", b"value")
        await driver.evict(A)
        assert [await found(driver, scope, "key") for scope in (S1, S10, A)] == [None] * 3
        assert [await found(driver, scope, "key") for scope in elsewhere] == [b"value"] * 4

    @in_both_roles
    async def test_evicting_at_once_evicts_or_leaves_it_alone(self, driver: Driver, keep_: Keep) -> None:
        stamps = await _stamps_of_kept(driver, keep_)
        done = driver.evict_at_once(NEVER_SEEN, A)
        await _must_have_lost_what_is_below_a(driver, stamps, is_evicted=done)

    @in_both_roles
    async def test_evicting_that_has_begun_evicts_by_its_end_or_is_left_alone(self, driver: Driver, keep_: Keep) -> None:
        stamps = await _stamps_of_kept(driver, keep_)
        begun = driver.begin_to_evict(NEVER_SEEN, A)
        if begun is not None:
            await begun
        await _must_have_lost_what_is_below_a(driver, stamps, is_evicted=begun is not None)

    @in_both_roles
    async def test_evicting_everything_takes_every_scope_along(self, driver: Driver, keep_: Keep) -> None:
        scopes = (S1, S10, ALONE, OTHER, A, B)
        for scope in scopes:
            await keep_(driver, scope, "key", b"value")
        stamps = [await driver.stamp(scope) for scope in scopes]
        await driver.evict(EVERYTHING)
        assert [await found(driver, scope, "key") for scope in scopes] == [None] * len(scopes)
        assert not {*stamps} & {await driver.stamp(scope) for scope in scopes}
        await purge_all(driver)
        await keep_(driver, S1, "key", b"again")
        assert await found(driver, S1, "key") == b"again"

    @pytest.mark.parametrize("tied", [S1, OTHER, ALONE], ids=["to A", "to B", "to no system"])
    @pytest.mark.parametrize("named", [S1, OTHER, ALONE], ids=["with A", "with B", "by its id alone"])
    @in_both_roles
    async def test_a_session_is_evicted_whatever_system_it_is_named_with(
        self, driver: Driver, keep_: Keep, named: Scope, tied: Scope
    ) -> None:
        await keep_(driver, A, "key", b"value")
        await keep_(driver, tied, "key", b"value")
        await driver.evict(named)
        assert await found(driver, tied, "key") is None
        assert await found(driver, A, "key") == b"value"

    @in_both_roles
    async def test_a_session_used_with_two_systems_loses_what_each_of_them_takes_along(self, driver: Driver, keep_: Keep) -> None:
        for scope in (S1, OTHER):
            await keep_(driver, scope, "key", b"value")
        await driver.evict(A)
        assert await found(driver, S1, "key") is None
        await driver.evict(B)
        assert await found(driver, OTHER, "key") is None

    @in_both_roles
    async def test_several_scopes_go_in_one_call(self, driver: Driver, keep_: Keep) -> None:
        for scope in (S1, S10, A, B):
            await keep_(driver, scope, "key", b"value")
        await driver.evict(S1, B, S1)
        assert [await found(driver, scope, "key") for scope in (S1, S10, A, B)] == [None, b"value", b"value", None]
        await driver.evict()

    async def test_evicting_what_does_not_exist_succeeds_however_often(self, driver: Driver) -> None:
        for scope in (S1, ALONE, A, S1, A):
            await driver.evict(scope)
        await purge_all(driver)

    @in_both_roles
    async def test_an_evicted_scope_can_be_used_again(self, driver: Driver, keep_: Keep) -> None:
        for number in range(5):
            await keep_(driver, S1, "key", str(number).encode())
            assert await found(driver, S1, "key") == str(number).encode()
            await driver.evict(S1 if number % 2 else A)
            assert await found(driver, S1, "key") is None
            await driver.purge(1)

    @pytest.mark.parametrize("kind", [SessionScope, SystemScope], ids=["sessions", "systems"])
    async def test_no_name_reaches_beyond_its_own_scope(self, driver: Driver, kind: type[SessionScope | SystemScope]) -> None:
        scopes = [kind(name) for name in NAMES]
        for scope in scopes:
            await _put_its_name(driver, scope)
        for victim in scopes:
            await driver.evict(victim)
            assert await _missing(driver, scopes) == [victim]
            await _put_its_name(driver, victim)

    async def test_a_session_and_a_system_of_the_same_name_are_two(self, driver: Driver) -> None:
        for name in NAMES:
            both = (SessionScope(name), SystemScope(name))
            for victim in both:
                for scope in both:
                    await _put_its_name(driver, scope)
                await driver.evict(victim)
                assert await _missing(driver, both) == [victim]

    async def test_where_a_name_ends_and_a_key_begins_is_no_matter_of_text(self, driver: Driver) -> None:
        for number, (name, key) in enumerate(AMBIGUOUS):
            await keep_copy(driver, SessionScope(name), key, str(number).encode())
        held = [await found(driver, SessionScope(name), key) for name, key in AMBIGUOUS]
        assert held == [str(number).encode() for number in range(len(AMBIGUOUS))]

    @in_both_roles
    async def test_the_usage_of_a_system_counts_its_sessions_and_nothing_else(self, driver: Driver, keep_: Keep) -> None:
        assert await driver.usage(A) in {None, Usage(0, 0)}
        for scope in (S1, S10, A, B, SessionScope("s3")):
            await keep_(driver, scope, "key", b"v" * 1000)
        await driver.evict(S10)
        await purge_all(driver)
        held = [await driver.usage(scope) for scope in (A, S1, B, SystemScope("none"))]
        await driver.evict(A)
        held += [await driver.usage(scope) for scope in (A, B)]
        told = [used for used in held if used is not None]
        assert [used.entries for used in told] in ([], [2, 1, 1, 0, 0, 1]), "a store that cannot tell never does"
        assert all(used.complete and (used.bytes is None or used.bytes >= 1000 * used.entries) for used in told)


async def _put_its_name(driver: Driver, scope: Scope) -> None:
    await keep_copy(driver, scope, "key", scope_digest(scope))


async def _missing(driver: Driver, scopes: Sequence[Scope]) -> list[Scope]:
    held = await asyncio.gather(*(found(driver, scope, "key") for scope in scopes))
    return [scope for scope, value in zip(scopes, held, strict=True) if value != scope_digest(scope)]
