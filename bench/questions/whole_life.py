"""How many sessions a second live from login to logout, beside a server that makes the same requests and keeps nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.http import authored, bare_lives, lives, own
from bench.http.cores import ASKING
from bench.http.sampling import ORDER
from bench.http.servers import Server, served
from bench.http.vitals import KNOWN, cpu_seconds
from bench.http.whole_lives import led
from bench.question import OURS, Answer, Panel, Question, Run, a_panel_for_each, a_panel_of_parts, at_least, at_most
from bench.questions.cleanup_parts import DISKLESS, MEMORY
from bench.questions.cleanups_per_second import CONNECTIONS

BARE = "a bare aiohttp server and client, keeping nothing"
ANEW = "the same, a connection for each request"
SERVERS: Mapping[str, Callable[[], None]] = {
    OURS: authored.serve,
    DISKLESS: authored.serve,
    BARE: bare_lives.serve,
    ANEW: bare_lives.serve_anew,
}
OF_BARE, ALONE = 0.5, 15
"""Half of what the bare server does, and milliseconds of a life while there is no other: five answers, four of them durable."""
LIVES, ROUNDS, ALONE_SHARE = 1_500, 9, 0.1
END_SYSTEM = "the end system, a process of its own"
WHERE, ALONE_PART = "processor time of a life", "a life while there is no other, half of them within"


@dataclass(slots=True)
class Found:
    """The figures of one server, of each turn."""

    rates: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    """Milliseconds of a life."""
    cpu: list[float] = field(default_factory=list)
    """Microseconds of the server's processor time for a life."""


async def measure(run: Run) -> Sequence[Answer]:
    """Have all servers up at once, and let each lead lives in turn; their first turns do not count."""
    rounds, many = run.pick(ROUNDS, 1), run.pick(LIVES, 64)
    advance = run.begin(f"{CONNECTIONS} at once", (1 + rounds) * len(SERVERS))
    found = {name: Found() for name in SERVERS}
    with ExitStack() as stack:
        site = stack.enter_context(served(lives.end_system, run.folder_of_its_own(), cores=[ASKING]))
        config = lives.config(site.port)
        servers = stack.enter_context(_servers(run, config))
        for _ in range(1 + rounds):
            for name, server in servers.items():
                await _turn(found[name], server, many)
                advance(1)
        parts = await _parts(run, site, config, many) if KNOWN else {}
    return _answers(found, parts)


@contextmanager
def _servers(run: Run, config: str) -> Iterator[Mapping[str, Server]]:
    with ExitStack() as stack:
        in_memory = Path(stack.enter_context(TemporaryDirectory(dir=MEMORY)))
        folders = {name: in_memory if name == DISKLESS else run.folder_of_its_own() for name in SERVERS}
        yield {
            name: stack.enter_context(served(serve, folders[name], config=config, copied=serve is authored.serve))
            for name, serve in SERVERS.items()
        }


async def _turn(found: Found, server: Server, many: int) -> None:
    before = cpu_seconds(server.pid) if KNOWN else 0.0
    load = await led(server.port, CONNECTIONS, many)
    spent = cpu_seconds(server.pid) - before if KNOWN else 0.0
    found.cpu.append(spent / many * 1_000_000)
    found.rates.append(many / load.seconds)
    found.p99.append(load.p99 * 1000)
    found.alone.append((await led(server.port, 1, round(many * ALONE_SHARE))).p50 * 1000)


async def _parts(run: Run, site: Server, config: str, many: int) -> Mapping[str, float]:
    """Return the microseconds that each part of the server, and the end system, use for a life."""
    turns = run.pick(5, 1)
    spent: Counter[str] = Counter()
    with served(own.living, run.folder_of_its_own(), config=config) as server:
        for turn in range(1 + turns):
            await server.call("POST", own.SAMPLES)
            before = cpu_seconds(site.pid)
            await led(server.port, CONNECTIONS, many)
            seen = {**await server.call("GET", own.SAMPLES), END_SYSTEM: cpu_seconds(site.pid) - before}
            spent.update(seen if turn else {})
    return {name: used / (turns * many) * 1_000_000 for name, used in spent.items()}


def _answers(found: Mapping[str, Found], parts: Mapping[str, float]) -> list[Answer]:
    rates, p99, alone, cpu = (_medians(found, which) for which in ("rates", "p99", "alone", "cpu"))
    answers = [
        Answer("lives, of what the bare server leads", rates[OURS] / rates[BARE], "times", at_least(OF_BARE)),
        Answer("lives", rates[OURS], "per second", at_least(OF_BARE * rates[BARE]), _others(rates)),
        Answer("99 of 100 are over within", p99[OURS], "ms", at_most(p99[BARE] / OF_BARE), _others(p99)),
        Answer(ALONE_PART, alone[OURS], "ms", at_most(ALONE), _others(alone)),
    ]
    if parts:
        most = at_most(cpu[BARE] / OF_BARE)
        answers += [
            Answer("processor time of the server for a life", cpu[OURS], "microseconds", most, _others(cpu)),
            Answer(WHERE, sum(parts.values()), "microseconds", most, parts),
        ]
    return answers


def _medians(found: Mapping[str, Found], which: str) -> dict[str, float]:
    return {name: median(getattr(each, which)[1:]) for name, each in found.items()}


def _others(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: figure for name, figure in figures.items() if name != OURS}


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw the peers, and the parts below them."""
    beside = [answer for answer in answers if answer.part != WHERE]
    return [
        *a_panel_for_each(beside),
        *(a_panel_of_parts(WHERE, answer, (END_SYSTEM, *ORDER)) for answer in answers if answer.part == WHERE),
    ]


QUESTION = Question("whole-life", "A session's whole life", measure, panels, limits=(BARE, ANEW))
