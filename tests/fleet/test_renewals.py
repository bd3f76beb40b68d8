"""Logins that one replica renews and others use or end: each uses the newest credential, and no refresh token is spent twice."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.fleet.gates import counted, gate_before
from tests.fleet.replicas import Fleet, Replica
from tests.sessions.expiring import Expiring


@pytest.fixture
async def expiring() -> AsyncIterator[Expiring]:
    async with Expiring() as system:
        yield system


@pytest.fixture
def renewing(fleet: Fleet, expiring: Expiring) -> Fleet:
    return replace(fleet, served=expiring)


async def works(replica: Replica, headers: dict[str, str]) -> bool:
    """Tell whether the end system takes the login of a session."""
    return bool((await replica.opshub.call("/me", headers)).body["alive"])


async def test_a_login_that_was_renewed_elsewhere_is_used_as_it_is_now(renewing: Fleet, expiring: Expiring, session: str) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        assert await works(other, headers)
        expiring.expire()
        assert await works(one, headers)
        await other.live.look()
        with counted(other.ledger, "claim_refresh") as asked:
            assert await works(other, headers)

    assert (expiring.refreshes, asked) == (1, [])


async def test_a_replica_that_does_not_know_of_a_renewal_yet_spends_no_second_token(
    renewing: Fleet, expiring: Expiring, session: str
) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"):
            assert await works(other, headers)
            expiring.expire()
            assert await works(one, headers)
            assert await works(other, headers)

    assert expiring.refreshes == 1


async def test_a_cleanup_elsewhere_ends_what_a_renewal_has_made(renewing: Fleet, expiring: Expiring, session: str) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        await works(other, headers)
        expiring.expire()
        await works(one, headers)
        newest = [*expiring.refresh.values()]
        answer = await other.cleanup(session, headers)

    assert (answer.body["logout"]["outcome"], expiring.ended, expiring.refresh) == ("acknowledged", newest, {})
