"""No more logins than there are seats: an end system that refuses the next one, and counts, never has to."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import pytest

from connector.cleanups.hooks import Hooks
from connector.model.errors import ConfigurationError
from connector.model.listed import SessionState, Wanted
from connector.model.seat_pools import HeldSeats
from connector.preflight.loading import load
from connector.sessions import seat_lines
from connector.sessions.opening_outcomes import OpeningRequest
from tests.e2e.opshub import Answer
from tests.fleet.gates import gate_before
from tests.ledger.ledgers import until
from tests.sessions.desk import PROFILE, Desk, settings
from tests.sessions.served import KEYS, Served, served
from tests.sessions.test_cleanup import SYSTEM

Coming = asyncio.Task[Answer]
NO_SEAT = (403, "no_seat")
OPEN = (200, None)
NEVER = 1000.0
"""Seconds between two looks of a line, if only being called may help."""


def section(desk: Desk, seats: int, more: str = "", *, total: float = 20, profile: Path = PROFILE) -> str:
    """The desk's section, with as many seats as the desk allows logins."""
    desk.licences = seats
    begin = f'[end_system]\nprofile = "{profile}"\nbase_url = "{desk.url}"\n'
    return f"{begin}seats = {seats}\n{more}\n[end_system.deadlines]\ntotal = {total}\n"


def told(answer: Answer) -> tuple[int, str | None]:
    return answer.status, None if answer.status == HTTPStatus.OK else answer.body["errors"]["code"]


async def initialize(server: Served, session: str, user: str = "opshub", headers: dict[str, str] | None = None) -> Answer:
    return await server.opshub.initialize(session, settings(user=user), headers, SYSTEM)


async def opened(server: Served, session: str) -> dict[str, str]:
    answer = await initialize(server, session)
    assert told(answer) == OPEN
    return answer.session_headers


async def cleaned_up(server: Served, session: str, headers: dict[str, str]) -> str:
    answer = await server.opshub.cleanup(session, headers, SYSTEM)
    assert answer.status == HTTPStatus.OK
    return str(answer.body["logout"]["outcome"])


async def waiting(server: Served, number: int) -> None:
    """Wait until so many stand in lines."""

    async def are_so_many() -> bool:
        return server.parts.lines.waiting() == number

    await until(are_so_many)


async def in_line(server: Served, *sessions: str) -> list[Coming]:
    """Let these sessions come one after the other, each once the one before stands in line."""
    first, tasks = server.parts.lines.waiting(), list[Coming]()
    for number, session in enumerate(sessions, first + 1):
        tasks.append(asyncio.create_task(initialize(server, session)))
        await waiting(server, number)
    return tasks


async def held(server: Served) -> HeldSeats:
    found = await server.parts.ledger.pools()
    return found[0].held if found else HeldSeats()


def one() -> str:
    return str(uuid4())


def ids(number: int) -> list[str]:
    return [one() for _ in range(number)]


@contextmanager
def out_of_order(desk: Desk) -> Iterator[None]:
    """Let the desk answer nothing but errors."""
    desk.status = HTTPStatus.SERVICE_UNAVAILABLE
    yield
    desk.status = HTTPStatus.OK


@pytest.fixture
def only_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in a line looks by himself."""
    monkeypatch.setattr(seat_lines, "LOOK_EVERY", NEVER)


async def test_what_is_beyond_the_seats_is_told_to_wait_and_the_end_system_is_not_asked(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 2, total=0.2)) as server:
        for session in ids(2):
            await opened(server, session)
        refused = one()
        answer = await initialize(server, refused)
        assert told(answer) == NO_SEAT
        assert not server.parts.live.may_have_row(refused), "nothing of it is kept"
        assert int(answer.headers["Retry-After"]) > 0
        assert (desk.logins, desk.refused) == (2, 0)
        assert 'connector_initializes_total{outcome="no_seat"} 1.0' in server.metrics.exposition().decode()


@pytest.mark.usefixtures("only_called")
async def test_seats_are_taken_in_the_order_of_arrival_each_when_a_session_ends(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        first, *others = ids(5)
        headers = await opened(server, first)
        tasks = await in_line(server, *others)
        for session, task in zip(others, tasks, strict=True):
            await cleaned_up(server, first, headers)
            answer = await task
            assert not any(later.done() for later in tasks[tasks.index(task) + 1 :])
            first, headers = session, answer.session_headers
    assert (desk.logins, desk.refused) == (5, 0)


async def test_initializes_of_one_session_wait_side_by_side_though_they_take_turns(desk: Desk, tmp_path: Path) -> None:
    """One after the other, they would wait for six seconds, and a load balancer for less."""
    async with served(tmp_path, section(desk, 1, total=2)) as server:
        await opened(server, str(uuid4()))
        session, loop = str(uuid4()), asyncio.get_running_loop()
        began = loop.time()
        answers = await asyncio.gather(*(initialize(server, session) for _ in range(4)))
        took = loop.time() - began

    assert [told(each) for each in answers] == [NO_SEAT] * 4
    assert took < 4


async def test_who_comes_later_takes_no_seat_before_those_who_wait(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        first, second, *crowd = ids(12)
        headers = await opened(server, first)
        (task,) = await in_line(server, second)
        late = [asyncio.create_task(initialize(server, session)) for session in crowd]
        await cleaned_up(server, first, headers)
        assert told(await task) == OPEN
        await waiting(server, len(crowd))
        for each in late:
            each.cancel()


async def test_no_more_logins_than_seats_are_alive_whatever_comes_at_once(desk: Desk, tmp_path: Path) -> None:
    async def life(server: Served, session: str) -> None:
        for _ in range(3):
            answer = await initialize(server, session)
            if answer.status == HTTPStatus.OK:
                await cleaned_up(server, session, answer.session_headers)

    async with served(tmp_path, section(desk, 3)) as server:
        await asyncio.gather(*(life(server, session) for session in ids(20)))
        assert await held(server) == HeldSeats()
    assert (desk.logins, desk.refused, desk.alive) == (60, 0, set())


@pytest.mark.usefixtures("only_called")
async def test_a_session_uses_its_own_seat_and_its_old_login_ends_first(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        first, other = ids(2)
        headers = await opened(server, first)
        (task,) = await in_line(server, other)
        again = await initialize(server, first, headers=headers)
        assert told(again) == OPEN
        assert told(await initialize(server, first)) == OPEN, "also without its seal"
        assert not task.done()
        task.cancel()
    assert desk.asked == ["POST /login", *["POST /logout", "POST /login"] * 2]
    assert desk.refused == 0


@pytest.mark.usefixtures("only_called")
async def test_a_session_whose_login_is_ended_before_keeps_its_seat_from_those_who_wait(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, 'replace = "before"')) as server:
        first, other = ids(2)
        headers = await opened(server, first)
        (task,) = await in_line(server, other)
        assert told(await initialize(server, first, headers=headers)) == OPEN
        assert told(await initialize(server, first)) == OPEN, "also without its seal"
        assert not task.done()
        task.cancel()
    assert desk.asked == ["POST /login", *["POST /logout", "POST /login"] * 2]


async def test_no_login_is_made_beside_one_that_is_not_surely_ended_though_a_seat_is_free(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, section(desk, 2, 'replace = "before"')) as server:
        await opened(server, session)
        with out_of_order(desk):
            assert told(await initialize(server, session)) == (503, "earlier_login_not_ended")
        assert desk.logins == 1
        assert told(await initialize(server, session)) == OPEN
        assert desk.asked[-3:] == ["POST /logout", "POST /logout", "POST /login"]


async def test_a_session_whose_own_login_does_not_end_takes_no_seat_before_those_who_wait(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 2)) as server:
        unheard, first, other = ids(3)
        desk.is_breaking = True
        await initialize(server, unheard)
        desk.is_breaking = False
        await desk.logging_in.get()
        await opened(server, first)
        desk.stuck.add(await desk.logging_in.get())
        (waits,) = await in_line(server, other)
        desk.ending.clear()
        again = asyncio.create_task(initialize(server, first))
        await desk.logging_out.get()
        desk.alive.discard(next(iter(desk.alive - desk.stuck)))
        (unknown,) = await server.parts.ledger.session_listing(Wanted([SessionState.UNKNOWN]))
        await server.parts.ledger.let_go_opening(unknown.login_id)
        desk.ending.set()
        assert told(await waits) == OPEN
        assert not again.done()
        again.cancel()


async def test_a_session_that_finds_a_free_seat_keeps_its_old_login_until_it_has_another(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, section(desk, 2)) as server:
        headers = await opened(server, session)
        assert told(await initialize(server, session, headers=headers)) == OPEN
        assert await desk.ended.get()
    assert desk.asked == ["POST /login", "POST /login", "POST /logout"]


async def test_no_login_is_made_while_the_end_of_a_sessions_own_one_is_not_confirmed(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, section(desk, 1, total=0.5)) as server:
        headers = await opened(server, session)
        with out_of_order(desk):
            assert told(await initialize(server, session, headers=headers)) == NO_SEAT
            assert await held(server) == HeldSeats(owed=1)
            assert desk.logins == 1
        assert told(await initialize(server, session, headers=headers)) == OPEN
    assert desk.refused == 0


async def test_an_initialize_that_was_told_to_wait_ends_no_login_that_was_made_since(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    hooks, go_on = Hooks(), asyncio.Event()

    @hooks.on_session_cleanup
    async def drop_files(session_id: str, system_id: str | None) -> None:
        await go_on.wait()

    async with served(tmp_path, section(desk, 1, total=0.5), hooks=hooks) as server:
        headers = await opened(server, session)
        assert told(await initialize(server, session, headers=headers)) == NO_SEAT
        await opened(server, session)
        go_on.set()
        await server.parts.orchestrator.drain(60)
        assert server.parts.live.is_open_here(session)
    assert (desk.logins, len(desk.alive)) == (2, 1)


async def test_nor_does_one_that_was_still_reading_what_is_to_end(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, total=0.5)) as server:
        await opened(server, session)
        with gate_before(server.parts.ledger, "open_by") as gate:
            assert told(await initialize(server, session)) == NO_SEAT
        await opened(server, session)
        gate.open()
        await server.parts.orchestrator.drain(60)
        assert server.parts.live.is_open_here(session)
    assert (desk.logins, len(desk.alive)) == (2, 1)


async def test_two_initializes_of_one_session_take_one_seat_in_turn(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        answers = await asyncio.gather(*(initialize(server, session) for _ in range(4)))
        assert [told(answer) for answer in answers] == [OPEN] * 4
        assert await held(server) == HeldSeats(sessions=1)
    assert desk.refused == 0


async def test_a_session_whose_seat_is_of_another_user_ends_nothing_to_make_room(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    per_user = 'seats_per = "{setting.user}"'
    async with served(tmp_path, section(desk, 1, per_user, total=0.2)) as server:
        desk.licences = 2
        await opened(server, session)
        assert told(await initialize(server, one(), user="another")) == OPEN
        assert told(await initialize(server, session, user="another")) == NO_SEAT
    assert desk.asked == ["POST /login"] * 2


async def test_each_user_has_seats_of_his_own(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, 'seats_per = "{setting.user}"', total=0.2)) as server:
        desk.licences = 2
        answers = [told(await initialize(server, session, user)) for session, user in zip(ids(4), "abab", strict=True)]
        pools = await server.parts.ledger.pools()
        assert [(pool.origin, pool.held.total) for pool in pools] == [(desk.url, 1)] * 2
    assert answers == [OPEN, OPEN, NO_SEAT, NO_SEAT]


async def test_settings_that_do_not_tell_whose_seat_it_is_are_answered_as_wrong_ones(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, section(desk, 1, 'seats_per = "{setting.user|token}"')) as server:
        answer = await initialize(server, session)
        assert told(answer) == (400, "invalid_settings")
        assert "end_system.seats_per" in answer.body["errors"]["message"]
    assert not desk.asked


def test_a_template_that_no_session_could_fill_keeps_the_server_from_starting(tmp_path: Path) -> None:
    text = f'[end_system]\nprofile = "{PROFILE}"\nbase_url = "http://127.0.0.1"\nseats = 1\nseats_per = "{{setting.nobody}}"\n'
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"end_system\.seats_per: setting\.nobody is not declared"):
        load(tmp_path / "config.toml", KEYS)


async def test_a_cleanup_ends_the_wait_for_a_seat(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        first, second = ids(2)
        headers = await opened(server, first)
        (task,) = await in_line(server, second)
        await server.opshub.cleanup(second, {}, SYSTEM)
        assert told(await task) == (409, "session_closed")
        await cleaned_up(server, first, headers)
        assert await held(server) == HeldSeats()
        assert not server.parts.live.may_have_row(second)
    assert desk.logins == 1


async def test_who_has_gone_waits_no_longer(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1)) as server:
        await opened(server, one())
        (task,) = await in_line(server, one())
        task.cancel()
        await waiting(server, 0)
    assert desk.logins == 1


async def test_who_has_gone_while_the_ledger_told_of_his_seat_ends_no_login(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, 'replace = "before"')) as server:
        await opened(server, session)
        asked = OpeningRequest(session, SYSTEM["systemId"], {each["key"]: each["value"] for each in settings()})
        with gate_before(server.parts.ledger, "holds_seat") as gate:
            task = asyncio.create_task(server.parts.served.openings.open(asked))
            await gate.met()
            task.cancel()
            await asyncio.wait([task])
            gate.open()
        await server.parts.logins.drain(60)
        assert server.parts.live.is_open_here(session)
    assert (desk.logins, len(desk.alive)) == (1, 1)


@pytest.mark.usefixtures("only_called")
async def test_a_server_that_ends_lets_nobody_wait(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, section(desk, 1, total=600)) as server:
        await opened(server, one())
        tasks = await in_line(server, *ids(2))
        await server.parts.drain(1)
        assert [told(await task) for task in tasks] == [(503, "stopping")] * 2


async def test_logins_that_were_made_while_nobody_counted_them_take_seats_as_well(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        first, second, third = ids(3)
        headers = await opened(server, first)
        await opened(server, second)
    async with served(tmp_path, section(desk, 2, total=2)) as server:
        assert await held(server) == HeldSeats(sessions=2)
        assert told(await initialize(server, third)) == NO_SEAT
        assert told(await initialize(server, first, headers=headers)) == OPEN, "by its own seat"
        assert desk.refused == 0
