"""One campaign of kills, and what is left of all logins in the end."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.e2e.opshub import OpsHub
from tests.ports import free_port
from tests.torture.life.calls import Call
from tests.torture.life.clients import Caller, Crowd
from tests.torture.life.disk import disk_at
from tests.torture.life.end_system import PROFILE, SEATS
from tests.torture.life.listening import listening
from tests.torture.life.oracle import Verdict, judged
from tests.torture.life.plans import plans
from tests.torture.life.scene import Scene
from tests.torture.life.serving import live_here, patient
from tests.torture.life.situations import SITUATIONS
from tests.torture.life.stage import Stage
from tests.torture.life.stories import stories
from tests.torture.life.taking_up import taken_up
from tests.torture.life.unused import IDLE, SEAT_IDLE
from tests.torture.process import ServerProcess

CONFIG = """
[server]
port = {port}
[server.deadlines]
shutdown = 2
[storage]
drivers = ["memory", "sqlite"]
[storage.sqlite]
path = "{folder}/data/cache.sqlite3"
[storage.deadlines]
evict = 2
[end_system]
profile = "{profile}"
base_url = "{end_system}"
seats = {seats}
seats_per = "{{setting.pool}}"
login_lifetime = 31536000
[end_system.deadlines]
connect = 1
total = 0.5
[sessions]
idle_timeout = {idle}
seat_idle = {seat_idle}
[ledger]
path = "{folder}/data/ledger.sqlite3"
key_file = "{folder}/ledger.keys"
[metrics]
enabled = false
[control]
socket = "control.sock"
[logs]
format = "json"
level = "warning"
"""
HURRIED, PATIENT = "total = 0.5", "total = 20"

NO_ANSWER = "none"


@dataclass(slots=True)
class Campaign:
    """What was done, and what came of it."""

    seed: int
    disk: str
    """How it is filled."""
    kills: int = 0
    happened: dict[str, int] = field(default_factory=dict)
    """How often a server was ended in which way, paused, or short of room."""
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    """By what was asked for: how it was answered."""
    verdict: Verdict = field(default_factory=Verdict)
    stories: list[str] = field(default_factory=list)
    """All that is known of the sessions of the first faults."""


async def fought(folder: Path, kills: int, seed: int, mutant: str | None = None, situations: Collection[str] = ()) -> Campaign:
    """Act out situations, kill so many servers under load, take up what is owed, end all sessions, and judge.

    What is in `folder/data` may be on a small file system of its own, which is filled at times.
    """
    async with _scene(folder, Random(seed), mutant) as scene:
        for name in situations:
            await Stage(scene, name).act(SITUATIONS[name])
        if kills:
            await _killed(scene, kills, seed)
        history = await taken_up(folder / "config.toml", scene)
        verdict = judged(history)
        verdict.faults.extend(scene.faults)
        answers, told = _answers(history.calls), [*stories(history, verdict.faults)]
        return Campaign(seed, scene.disk.way, scene.kills, scene.happened, answers, verdict, told)


async def _killed(scene: Scene, kills: int, seed: int) -> None:
    """Let servers follow one another until so many more were killed, while clients call."""
    kills, lives = kills + scene.kills, plans(seed)
    async with scene.crowd.calling():
        while scene.kills < kills:
            await scene.live(next(lives))


@asynccontextmanager
async def _scene(folder: Path, random: Random, mutant: str | None) -> AsyncIterator[Scene]:
    port, config = free_port(), folder / "config.toml"
    async with listening(Random(random.random())) as place, OpsHub(f"http://127.0.0.1:{port}") as opshub:
        about = {"profile": PROFILE, "end_system": place.url, "seats": SEATS, "idle": IDLE, "seat_idle": SEAT_IDLE}
        config.write_text(CONFIG.format(port=port, folder=folder, **about))
        patient(config).write_text(config.read_text().replace(HURRIED, PATIENT))
        server = ServerProcess(config, port, live_here)
        crowd = Crowd(Caller(opshub, place.system), random)
        scene = Scene(server, place, disk_at(folder / "data", server), crowd, mutant)
        try:
            yield scene
        finally:
            await server.kill()


def _answers(calls: Sequence[Call]) -> dict[str, dict[str, int]]:
    return {
        kind: Counter(str(call.status or NO_ANSWER) for call in calls if call.kind == kind)
        for kind in {call.kind.value for call in calls}
    }
