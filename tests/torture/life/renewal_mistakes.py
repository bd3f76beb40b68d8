"""Mistakes in what renews the credential of a login."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp

from connector.cleanups.one_at_a_time import ONLY_THE_LEDGER_KNOWS
from connector.endsystems.end_system import Change, Refresh
from connector.endsystems.profile.carried_login import CarriedLogin
from connector.ledger.sql import recording
from connector.model.credential import Credential
from connector.model.sessions import Current
from connector.sessions.renewals import Renewals, with_values
from connector.sessions.seal import Sealed


def noted_in_memory_only(_: Callable[..., Any]) -> Callable[..., Any]:
    async def renew(renewals: Renewals, sealed: Sealed, change: Change, *, request: int | None = None) -> None:
        del request
        current = renewals.current(sealed)
        if current.credential is not None:
            renewals._live.renewed(sealed, Current(change(current.credential), current.version + 1))

    return renew


def as_the_seal_says(_: Callable[..., Any]) -> Callable[..., Any]:
    # The cleanup asks for the newest twice: in memory, and in the row of the login. A reaper has no seal, and has that alone.
    known = recording._as_known
    vars(recording)["_as_known"] = lambda table, request, ended: (
        known(table, request, ended) if request.version == ONLY_THE_LEDGER_KNOWS else request
    )
    return lambda _, sealed: Current(sealed.credential, 0)


def in_the_order_of_the_answers(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: False


def by_each_who_asks(_: Callable[..., Any]) -> Callable[..., Any]:
    async def refresh(renewals: Renewals, sealed: Sealed, stale: Credential, make: Refresh) -> None:
        with renewals._line(sealed) as line:
            if renewed := await make(stale):
                line.changes.append(with_values(renewed))
                await renewals._written(line)

    return refresh


def also_from_errors(real: Callable[..., Any]) -> Callable[..., Any]:
    async def take(login: CarriedLogin, answer: aiohttp.ClientResponse, number: int) -> None:
        await real(login, SimpleNamespace(headers=answer.headers, url=answer.url, status=200), number)

    return take


def as_nothing(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: None
