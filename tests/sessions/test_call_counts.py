"""How many calls a session had: each is counted once, whatever becomes of the notes of them."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from connector.ledger.testing.memory_ledger import MemoryLedger
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import Use
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from tests.ledger.ledgers import open_, session

HERE = session(1)


class NotedLedger(MemoryLedger):
    """Does what a test tells it after it has noted a use, and before that is answered."""

    meanwhile: Callable[[], None] | None = None

    async def note_use(self, used: Mapping[str, Use]) -> None:
        await super().note_use(used)
        if self.meanwhile is not None:
            self.meanwhile()


class Clock:
    """A clock that moves whenever it is read."""

    now = HERE.opened_at

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
async def ledger() -> AsyncIterator[NotedLedger]:
    async with NotedLedger().opened() as opened:
        assert isinstance(opened, NotedLedger)
        await open_(opened, HERE)
        yield opened


@pytest.fixture
async def live(ledger: NotedLedger) -> LiveSessions:
    sessions = LiveSessions(ledger, Clock())
    await sessions.load()
    return sessions


def sealed(login: str = HERE.login_id) -> Sealed:
    return Sealed(HERE.session_id, "A", login, b"", HERE.credential)


async def counted(ledger: NotedLedger) -> list[int]:
    return [listed.calls for listed in await ledger.session_listing()]


async def test_calls_are_counted_when_they_begin_and_not_again_when_they_end(ledger: NotedLedger, live: LiveSessions) -> None:
    for _ in range(3):
        live.note_call(sealed())
        live.note_use(sealed())
    live.note_call(sealed("another login"))
    await live.write_notes()
    live.note_answered(HERE.session_id, HERE.login_id)
    await live.write_notes()
    assert await counted(ledger) == [3]


async def test_a_call_that_comes_while_others_are_written_down_is_counted_once(ledger: NotedLedger, live: LiveSessions) -> None:
    def another() -> None:
        ledger.meanwhile = None
        live.note_call(sealed())

    live.note_call(sealed())
    live.note_call(sealed())
    ledger.meanwhile = another
    for expected in (2, 3, 3):
        await live.write_notes()
        assert await counted(ledger) == [expected]


async def test_calls_whose_note_was_lost_with_its_answer_are_counted_once(ledger: NotedLedger, live: LiveSessions) -> None:
    def lost() -> None:
        ledger.meanwhile = None
        raise LedgerUnavailable("the answer is lost")

    live.note_call(sealed())
    ledger.meanwhile = lost
    assert not await live.write_notes()
    assert await live.write_notes()
    assert await counted(ledger) == [1]


async def test_a_session_closed_while_its_calls_are_written_has_none_in_its_next_life(
    ledger: NotedLedger, live: LiveSessions
) -> None:
    def closed() -> None:
        ledger.meanwhile = None
        live.closing(HERE.session_id)

    live.note_call(sealed())
    ledger.meanwhile = closed
    await live.write_notes()
    await open_(ledger, session(1, "new", "new"))
    await live.load()
    live.note_call(sealed("new"))
    await live.write_notes()
    assert await counted(ledger) == [1]
