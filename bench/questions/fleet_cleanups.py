"""How many durable cleanups a second with the ledger of a fleet, in PostgreSQL, beside the ledger of one machine."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, islice, product
from statistics import median
from time import perf_counter
from typing import NamedTuple

from bench.http import lives, own
from bench.http.cores import ASKING, CORES, SERVING, kept_on
from bench.http.load import load, new_sessions
from bench.http.servers import Server, served
from bench.http.talks import HOST
from bench.http.vitals import KNOWN, cpu_seconds
from bench.question import OURS, Answer, Question, Run, at_least, at_most
from tests.postgres import postgres_server
from tests.servers import redis_server

CONFIG = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
host = "{host}"
port = {redis}
namespace = "{namespace}"
{ledger}
[end_system]
profile = "{profile}"
base_url = "http://{host}:{site}"
"""
IN_POSTGRES = '[ledger]\nstore = "postgres"\ndsn_env = "BENCH_LEDGER_DSN"'
KEYS = f"bench:{'k' * 42}A"
SQLITE = "the same, its ledger in SQLite"
FLEET, ALONE = "two replicas", "one server, its ledger in SQLite"
"""On all cores."""
SESSIONS = 2_000
"""In each turn: some seconds' worth."""
INITIALIZES, BY_SEAL, WITHOUT_SEAL = "initializes", "cleanups by seal", "cleanups without a seal"
AT_ONCE = (32, 128)
"""Callers: each asks for the next thing when it has its answer."""
Key = tuple[str, int, str]
"""What is done, by how many at once, and the contender."""


class Moment(NamedTuple):
    """The time, and the processor time that a server has used so far, both in seconds."""

    time: float
    cpu: float

    @classmethod
    def now(cls, servers: Sequence[Server]) -> "Moment":
        """Look at both."""
        return cls(perf_counter(), sum(cpu_seconds(server.pid) for server in servers) if KNOWN else 0.0)

    def since(self, earlier: "Moment") -> "Moment":
        """Return what has passed."""
        return Moment(self.time - earlier.time, self.cpu - earlier.cpu)


async def measure(run: Run) -> Sequence[Answer]:
    """Have all servers up at once, and ask each in turn; their first turns do not count."""
    rounds, sessions = run.pick(9, 1), run.pick(SESSIONS, 100)
    asked = [*product(AT_ONCE, (OURS, SQLITE)), *product(AT_ONCE[-1:], (FLEET, ALONE))]
    advance = run.begin(f"{sessions:,} sessions", len(asked) * (1 + rounds))
    spent = defaultdict[Key, list[Moment]](list)
    with kept_on(ASKING), _contenders(run) as contenders:  # both databases, too: one server has its core for itself
        for _ in range(1 + rounds):
            for callers, name in asked:
                for done, took in (await _turn(contenders[name], sessions, callers)).items():
                    spent[done, callers, name].append(took)
                advance(1)
    rates = {key: median(sessions / each.time for each in turns[1:]) for key, turns in spent.items()}
    cpu = {key: median(1_000_000 * each.cpu / sessions for each in turns[1:]) for key, turns in spent.items()}
    shown = (BY_SEAL, WITHOUT_SEAL, INITIALIZES)
    one = [_answers(what, callers, rates, cpu) for what in shown for callers in AT_ONCE]
    two = [_compared(f"{what} of {FLEET}", rates, (what, AT_ONCE[-1]), FLEET, ALONE) for what in shown]
    return [*chain.from_iterable([*one, *two])]


async def _turn(servers: Sequence[Server], sessions: int, callers: int) -> Mapping[str, Moment]:
    """Open sessions and end them by their seals, then end as many that were opened elsewhere. Return what each has taken.

    Each server gets its part of them. A session that was opened at one is ended at the next.
    """
    part, connections = sessions // len(servers), callers // len(servers)
    begun = Moment.now(servers)
    opening = (lives.initialized(each.port, islice(new_sessions(), part), connections=connections) for each in servers)
    first, *others = await gather(*opening)
    opened = Moment.now(servers)
    ending = zip(servers, (*others, first), strict=True)
    await gather(*(lives.cleaned_up(each.port, seals, connections=connections) for each, seals in ending))
    ended = Moment.now(servers)
    found = await gather(*(load(each.port, connections, cleanups=part) for each in servers))
    last = Moment(max(each.seconds for each in found), Moment.now(servers).since(ended).cpu)
    return {INITIALIZES: opened.since(begun), BY_SEAL: ended.since(opened), WITHOUT_SEAL: last}


@contextmanager
def _contenders(run: Run) -> Iterator[dict[str, Sequence[Server]]]:
    """Start the servers, which share a Redis and an end system. Each ledger begins empty, and has a namespace of its own."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        redis = stack.enter_context(redis_server()).port
        site = stack.enter_context(served(lives.end_system, run.folder_of_its_own(), cores=[ASKING])).port

        def started(namespace: str, *, database: str = "", cores: Sequence[int] = (SERVING,)) -> Server:
            parts = {"namespace": namespace, "ledger": database and IN_POSTGRES, "profile": lives.PROFILE}
            config = CONFIG.format(host=HOST, redis=redis, site=site, **parts)
            environ = {"CONNECTOR_LEDGER_KEYS": KEYS, **({"BENCH_LEDGER_DSN": postgres.dsn(database)} if database else {})}
            return stack.enter_context(served(own.command, run.folder_of_its_own(), config=config, environ=environ, cores=cores))

        shared = postgres.new_database()
        yield {
            OURS: [started("one", database=postgres.new_database())],
            SQLITE: [started("single")],
            FLEET: [started("two", database=shared, cores=CORES) for _ in range(2)],
            ALONE: [started("alone", cores=CORES)],
        }


def _answers(what: str, callers: int, rates: Mapping[Key, float], cpu: Mapping[Key, float]) -> list[Answer]:
    done = f"{what}, {callers} at once"
    answers = _compared(done, rates, (what, callers), OURS, SQLITE)
    if KNOWN:
        ours, sqlite = cpu[what, callers, OURS], cpu[what, callers, SQLITE]
        part = f"{done}, processor time of the server for each"
        answers.append(Answer(part, ours, "microseconds", at_most(sqlite / AS_MANY), {SQLITE: sqlite}))
    return answers


def _compared(done: str, rates: Mapping[Key, float], work: tuple[str, int], name: str, beside: str) -> list[Answer]:
    ours, sqlite = rates[*work, name], rates[*work, beside]
    return [
        Answer(f"{done}, of what they are with SQLite", ours / sqlite, "times", at_least(AS_MANY)),
        Answer(done, ours, "per second", at_least(AS_MANY * sqlite), {beside: sqlite}),
    ]


AS_MANY = 1.0
QUESTION = Question("fleet-cleanups", "Durable cleanups with the ledger of a fleet", measure)
