"""Mutants: plausible mistakes in how sessions are opened. Each has tests that have to find it.

As a plugin of pytest it makes one of them in the process of the tests: `-p tests.sessions.planting --plant NAME`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from connector.api.initialize import Handover
from connector.ledger.sql import opening_rows
from connector.sessions.after_login import AfterLogin
from connector.sessions.live import LiveSessions
from connector.sessions.opening_outcomes import Beginning, Caller
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.records import SessionRecords
from connector.sessions.running_logins import RunningLogins
from connector.sessions.unrecorded import Unrecorded

OPENINGS, OVERTAKEN, ANSWERED = "test_openings.py", "test_overtaken.py", "test_answered.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: what stands in the place of a function, and the tests that find it."""

    owner: Any
    name: str
    mistaken: Callable[[Any], Any]
    """Makes it of the real one."""
    found_by: str
    beside: "Mutant | None" = None
    """Another mistake, which lets through what this one does."""

    def plant(self) -> None:
        """Make the mistake, in this process."""
        if self.beside is not None:
            self.beside.plant()
        setattr(self.owner, self.name, self.mistaken(getattr(self.owner, self.name)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plant", choices=[*MUTANTS])


def pytest_configure(config: pytest.Config) -> None:
    MUTANTS[config.getoption("--plant")].plant()


def not_done(_: Callable[..., Any]) -> Callable[..., Any]:
    async def done(*_: Any, **__: Any) -> None:
        return None

    return done


def nothing(_: Any) -> Any:
    return lambda *_, **__: None


def always(_: Any) -> Any:
    return lambda *_, **__: True


def logins_left_as_they_are(real: Callable[..., Any]) -> Callable[..., Any]:
    def closing(live: LiveSessions, session_id: str, *more: Any) -> Any:
        rows = live._rows.get(session_id, ())
        logins = real(live, session_id, *more)
        live._rows[session_id] = rows
        return logins

    return closing


def said_to_be_open(real: Callable[..., Any]) -> Callable[..., Any]:
    async def opened(*arguments: Any, **named: Any) -> Any:
        return replace(await real(*arguments, **named), is_open=True)

    return opened


def recorded_meanwhile(real: Callable[..., Any]) -> Callable[..., Any]:
    recording = set[asyncio.Task[Any]]()

    async def begun(*arguments: Any, **named: Any) -> Beginning:
        recording.add(asyncio.create_task(real(*arguments, **named)))
        return Beginning.BEGUN

    return begun


def said_to_be_recorded(real: Callable[..., Any]) -> Callable[..., Any]:
    async def begun(*arguments: Any, **named: Any) -> Beginning:
        await real(*arguments, **named)
        return Beginning.BEGUN

    return begun


def told_as_nothing_made(_: Callable[..., Any]) -> Callable[..., Any]:
    async def told(records: OpeningRecords, opening: Any, *_: Any) -> None:
        await records.nothing_made(opening)

    return told


def noted_before_it_is_written(real: Callable[..., Any]) -> Callable[..., Any]:
    async def write_eof(answer: Handover, data: bytes = b"") -> None:
        answer._written()
        await real(answer, data)

    return write_eof


def noted_of_whichever_login(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda live, session_id, _: live._note_use(session_id, live._logins[session_id])


def without_turns(real: Callable[..., Any]) -> Callable[..., Any]:
    class NoTurns:
        def setdefault(self, _: str, turn: asyncio.Lock) -> asyncio.Lock:
            return turn

    def made(after: AfterLogin, *arguments: Any, **named: Any) -> None:
        real(after, *arguments, **named)
        vars(after)["_turns"] = NoTurns()

    return made


MUTANTS = {
    "a cleanup is not noted in memory": Mutant(LiveSessions, "closing", logins_left_as_they_are, OVERTAKEN),
    "a cleanup is not noted in the ledger": Mutant(opening_rows, "overtake", nothing, OVERTAKEN),
    "what the ledger has noted is ignored": Mutant(SessionRecords, "open", said_to_be_open, OVERTAKEN),
    "an overtaken login is not ended": Mutant(SessionRecords, "end", not_done, OVERTAKEN),
    "logins of one session are recorded side by side": Mutant(AfterLogin, "__init__", without_turns, OVERTAKEN),
    "a login is sent for a session that is closed": Mutant(RunningLogins, "_is_wanted", always, OVERTAKEN),
    "a login is sent while it is recorded": Mutant(OpeningRecords, "begin", recorded_meanwhile, OPENINGS),
    "a login is sent although it is not recorded": Mutant(OpeningRecords, "begin", said_to_be_recorded, OPENINGS),
    "a login that failed stays under way": Mutant(OpeningRecords, "nothing_made", not_done, OPENINGS),
    "a login without an answer stays under way": Mutant(OpeningRecords, "unanswered", not_done, OPENINGS),
    "a login without an answer has made nothing": Mutant(OpeningRecords, "unanswered", told_as_nothing_made, OPENINGS),
    "what the ledger could not be told is forgotten": Mutant(Unrecorded, "keep_in_vain", nothing, OPENINGS),
    "a session is opened for a caller who has gone": Mutant(Caller, "waits", lambda _: True, OPENINGS),
    "a seal is noted before it is written": Mutant(Handover, "write_eof", noted_before_it_is_written, ANSWERED),
    "a seal is noted of another login": Mutant(LiveSessions, "note_answered", noted_of_whichever_login, ANSWERED),
}
