"""Mistakes in what ends sessions that nobody cleans up, and in what counts seats."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from connector.model.seat_pools import HeldSeats
from connector.sessions.after_login import AfterLogin
from connector.sessions.live import LiveSessions
from connector.sessions.seat_lines import SeatLine


def calls_that_only_begin(_: Callable[..., Any]) -> Callable[..., Any]:
    # Nothing is left of a call that runs, but that it has begun.
    put(LiveSessions, "call_ends", lambda *_: None)
    return lambda *_: None


def unseen(_: Callable[..., Any]) -> Callable[..., Any]:
    put(LiveSessions, "write_notes", _nothing_to_note)

    @contextmanager
    def watched(_: LiveSessions) -> Iterator[Callable[[Any], bool]]:
        yield lambda _: False

    return watched


def overlooked(_: Callable[..., Any]) -> Callable[..., Any]:
    # A cleanup that comes while a login is under way is known in memory and in the ledger.
    put(AfterLogin, "is_wanted", lambda _, attempt: attempt.caller.waits)
    return lambda *_: None


def held_by_nothing(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _: None


def held_without(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mistaken(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(rows: Any) -> HeldSeats:
            held: HeldSeats = real(rows)
            return replace(held, **{what: 0})

        return counted

    return mistaken


def as_it_was(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda debt: debt


def taken_back_twice(_: Callable[..., Any]) -> Callable[..., Any]:
    @contextmanager
    def kept_back(line: SeatLine) -> Iterator[None]:
        line.kept_back += 1
        try:
            yield
        finally:
            line.kept_back -= 2
            line.call()

    return kept_back


async def _nothing_to_note(_: LiveSessions) -> bool:
    return True


def put(owner: Any, name: str, mistaken: Callable[..., Any]) -> None:
    setattr(owner, name, mistaken)
