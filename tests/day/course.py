"""A day of ordinary traffic in a minute, and how many logins the end system counts meanwhile."""

import asyncio
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import astuple, dataclass, field
from http import HTTPStatus
from pathlib import Path
from random import Random
from time import monotonic

from tests.day.office import Office
from tests.day.serving import serve_a_day
from tests.day.traffic import FIRST, INITIALIZE, Plan, Traffic, plans
from tests.ledger.ledgers import until
from tests.ports import free_port
from tests.soak.soak import Course
from tests.soak.subject import Subject, Vitals
from tests.torture.process import ServerProcess

HOUR, MIDNIGHT = 60.0, 24 * 60.0
IDLE_TIMEOUT, LOGIN_LIFETIME = HOUR, 12 * HOUR
"""Minutes: the connector's setting, and the end system's own limit."""
KILLS = (6 * HOUR, 8 * HOUR, 10 * HOUR)
AWAY = ((7 * HOUR, 7.75 * HOUR), (15 * HOUR, 15.75 * HOUR))
CALM = 13 * HOUR
"""When nothing is asked for a moment, to see how the server is that lives until the end."""
LOOK_EVERY = 5.0
"""Minutes between two counts."""
LOOKS = 10
"""How often a server is looked at, because something is under way at each tick."""
PATIENCE = 30.0
"""Seconds for what is under way, or owed."""
REAPED, GIVEN_UP = "a session that nobody has cleaned up is reaped", "a login of which nobody knows what it has made is given up"
UNKNOWN = "unknown logins"
DEADLINE = 1.0
"""Seconds for a login, and for the wait for its seat."""
NEVER = 1_000_000.0
"""Seconds of a minute of idle time that does not pass."""
CONFIG = """
[server]
port = {port}
[storage]
drivers = ["memory", "sqlite"]
[storage.sqlite]
path = "{folder}/cache.sqlite3"
{end_system}login_lifetime = {login_lifetime}
{seats}[end_system.deadlines]
total = {deadline}
[sessions]
idle_timeout = {idle_timeout}
[ledger]
path = "{folder}/ledger.sqlite3"
key_file = "{folder}/ledger.keys"
[metrics]
enabled = false
[control]
socket = "control.sock"
[logs]
format = "json"
"""


@dataclass(slots=True)
class Day:
    """What was seen of a day."""

    sessions: int
    alive: dict[float, int] = field(default_factory=dict)
    """Logins that the end system counts, by the hour."""
    kills: int = 0
    reaped: Counter[str] = field(default_factory=Counter)
    """How many sessions were reaped, by the reason."""
    given_up: int = 0
    """Logins of which nobody knew what they had made."""
    expired: int = 0
    """Logins that only the end system's own limit has ended."""
    licence: int | None = None
    """How many logins the end system allows; None for any number."""
    turned_away: int = 0
    """Initializes for which no seat became free in time."""
    refused: int = 0
    """Logins that the end system has refused, because they were beyond the licence."""
    left: dict[str, int] = field(default_factory=dict)
    """What is left there at midnight."""

    @property
    def most(self) -> int:
        """Logins that were alive at a time."""
        return max(self.alive.values())

    @property
    def at_midnight(self) -> int:
        """Logins that were alive then."""
        return next(reversed(self.alive.values()))


class Scene:
    """The end system, the servers that follow one another, and the clock of the day."""

    def __init__(self, folder: Path, office: Office, minute: float, *, reaps: bool, seen: Day) -> None:
        self.folder, self.office, self.minute = folder, office, minute
        self.seen, office.licences = seen, seen.licence
        self._port = free_port()
        self.reaps = reaps
        config, lives = folder / "config.toml", {"idle_timeout": IDLE_TIMEOUT * 60, "login_lifetime": LOGIN_LIFETIME * 60}
        limits = {"seats": "" if seen.licence is None else f"seats = {seen.licence}\n", "deadline": DEADLINE, **lives}
        config.write_text(CONFIG.format(port=self._port, folder=folder, end_system=office.section, **limits))
        self.server = ServerProcess(config, self._port, serve_a_day)
        self.memory: dict[int, float] = {}
        """Megabytes of the last server, by the number of calls since `CALM`."""
        self._midnight, self._calm = 0.0, 0

    @property
    def time(self) -> float:
        """The minute of the day."""
        return (monotonic() - self._midnight) / self.minute

    @property
    def subject(self) -> Subject:
        """The server that runs now."""
        return Subject(self.url, self.server.pid, self.folder / "door")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def begin(self, minute: float) -> None:
        """Start the server, and let the day begin at this minute."""
        await self._start()
        self._midnight = monotonic() - minute * self.minute

    async def until(self, minute: float) -> None:
        """Wait for a minute of the day."""
        await asyncio.sleep((minute - self.time) * self.minute)

    async def count(self, traffic: Traffic) -> None:
        """Count for ever how many logins are alive, and end those that have come to the end system's own limit."""
        while True:
            self.look(traffic)
            await asyncio.sleep(LOOK_EVERY * self.minute)

    def look(self, traffic: Traffic) -> None:
        """Count once, and weigh the server if it is the last one."""
        self.seen.expired += self.office.end_old(LOGIN_LIFETIME * self.minute)
        self.seen.alive[self.time / HOUR] = len(self.office.alive)
        if self.memory and self.server.is_running:
            self.memory[traffic.told.total() - self._calm] = self.subject.megabytes

    def weigh_from(self, calls: int) -> None:
        """Weigh the server from now on, after so many calls."""
        self._calm, self.memory[0] = calls, self.subject.megabytes

    async def owes_nothing(self) -> bool:
        """Tell whether nothing is open, unknown or owed any more."""
        return not any(left_in(self.folder / "ledger.sqlite3").values())

    async def kill(self) -> None:
        """Kill the server, and start another one."""
        await self.server.kill()
        self.seen.kills += self.server.exit_code == -signal.SIGKILL
        await self._start()

    async def vitals(self) -> Vitals:
        """Return how the server is once it has no connection, between two ticks: what is least of some looks."""

        async def has_none() -> bool:
            return not (await self.subject.vitals()).connections

        await until(has_none)
        looks = [astuple(await self.subject.vitals()) for _ in range(LOOKS)]
        return Vitals(*map(min, zip(*looks, strict=True)))

    async def _start(self) -> None:
        await self.server.start(self.folder / "door", self.minute if self.reaps else NEVER)


async def lived(
    folder: Path, sessions: int, minute: float, *, reaps: bool = True, licence: int | None = None
) -> tuple[Day, Course]:
    """Let a day pass, in `minute` seconds for each of its minutes. Return it, and how the last server came through its part.

    Without `reaps` no idle time passes, and nothing is reaped. With a `licence`, the end system refuses what is beyond it.
    """
    async with Office() as office:
        scene = Scene(folder, office, minute, reaps=reaps, seen=Day(sessions, licence=licence))
        try:
            await scene.begin(FIRST)
            course = await _spent(scene, sessions)
            await _ended(scene)
        finally:
            await scene.server.kill()
    logged = [*_logged(folder / "server.log")]
    scene.seen.reaped.update(reason for event, reason in logged if event == REAPED)
    scene.seen.given_up = sum(event.startswith(GIVEN_UP) for event, _ in logged)
    scene.seen.left, scene.seen.refused = left_in(folder / "ledger.sqlite3"), office.refused
    return scene.seen, course


async def _spent(scene: Scene, sessions: int) -> Course:
    """Let everything happen in its time, and return how the last server came through what came after the last kill."""
    async with Traffic(scene.url, scene.minute) as traffic, _beside(scene.count(traffic)):
        async with asyncio.TaskGroup() as day:
            for plan in plans(sessions, Random(2)):
                day.create_task(_in_time(scene, traffic, plan))
            day.create_task(_away(scene))
            for minute in KILLS:
                await scene.until(minute)
                await scene.kill()
            await scene.until(CALM)
            await traffic.pause()
            before, told = await scene.vitals(), traffic.told.copy()
            scene.weigh_from(traffic.told.total())
            await traffic.go_on()
        await scene.until(MIDNIGHT)
        await traffic.pause()
        if scene.reaps:
            await until(scene.owes_nothing)  # the ticks of a busy machine are longer than planned
        after = await scene.vitals()
        scene.look(traffic)
        scene.seen.turned_away = traffic.told[INITIALIZE, HTTPStatus.FORBIDDEN]
        return Course(scene.memory, before, after, traffic.told - told, scene.seen.at_midnight)


async def _in_time(scene: Scene, traffic: Traffic, plan: Plan) -> None:
    await scene.until(plan.begins)
    await traffic.live(plan)


async def _away(scene: Scene) -> None:
    for begin, end in AWAY:
        await scene.until(begin)
        scene.office.be_away(is_away=True)
        await scene.until(end)
        scene.office.be_away(is_away=False)


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do something for ever while the context is open."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _ended(scene: Scene) -> None:
    scene.server.send(signal.SIGTERM)
    assert await scene.server.gone_within(PATIENCE), "the server does not end"


def _logged(log: Path) -> Iterator[tuple[str, str]]:
    """Yield each event of a log, and its reason if it has one."""
    for line in log.read_text().splitlines():
        values = json.loads(line)
        yield values["event"], values.get("reason", "")


def left_in(ledger: Path) -> dict[str, int]:
    """Return what a ledger still has to do, read by SQLite alone."""
    questions = {
        "open sessions": "SELECT count(*) FROM sessions",
        UNKNOWN: "SELECT count(*) FROM openings",
        "owed logouts": "SELECT count(*) FROM debts WHERE state <> 'closed'",
    }
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as file:
        return {what: file.execute(question).fetchone()[0] for what, question in questions.items()}
