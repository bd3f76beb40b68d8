"""The database that a fleet shares: a PostgreSQL that Patroni fails over, with three nodes on one etcd, behind PgBouncer."""

import asyncio
import base64
import json
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import psycopg

from tests.ports import HOST, free_port
from tests.postgres import PASSWORD, USER, Postgres, hand_over, not_as_root, pgbouncer
from tests.provision import found
from tests.servers import RealServer, running
from tests.torture.fleet.databases import Database
from tests.torture.fleet.happenings import A_MOMENT, SETTLED, Happening, killed
from tests.torture.fleet.patroni_node import SCOPE, Node, node

WITHIN = 120.0
LOOK_EVERY = 0.2
PATIENCE = 30.0
"""Seconds: far longer than Patroni takes to note which standby is synchronous, also when it has just been started again."""
TTL, LOOP_WAIT, RETRY_TIMEOUT = 10, 1, 3
"""Seconds until a leader that is silent is none any more, between two looks, and for the tries of one."""
BEFORE = """\
defaults
    mode tcp
    timeout connect 1s
    timeout client 1h
    timeout server 1h
    timeout check 1s
frontend front
    bind {host}:{port}
    default_backend leader
backend leader
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
{nodes}
"""


class Cluster:
    """The nodes, and what leads to the one that leads."""

    def __init__(
        self, nodes: Sequence[Node], etcd: RealServer, leader: Postgres, bouncer: RealServer, *, is_synchronous: bool
    ) -> None:
        self._is_synchronous = is_synchronous
        self._nodes = nodes
        self._etcd = etcd
        self._leader = leader
        self._bouncer = bouncer
        self._name = leader.new_database()

    @property
    def happenings(self) -> Sequence[Happening]:
        done = {
            "a switchover to another node": self._switch_over,
            "the leading PostgreSQL killed": self._crash,
            "the leading node killed": self._kill,
            "the leading node killed while its standbys lag behind": self._kill_ahead,
            "the leading node paused until another one leads": self._pause,
            "the leader's Patroni paused until another one leads": self._pause_patroni,
            "a standby killed": self._kill_a_standby,
            "etcd paused for two seconds": self._pause_etcd,
        }
        return [*(Happening(what, do, SETTLED) for what, do in done.items()), killed("PgBouncer killed", self._bouncer)]

    def dsn(self, number: int) -> str:
        return self._leader.dsn(self._name, port=self._bouncer.port)

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        return self._leader.administer(statement, self._name)

    async def until_complete(self) -> Node:
        """Wait until one node leads, and the others follow it, by what each says itself, and return the one that leads.

        What is told of a node may be from before it was paused. One that led takes itself for the leader for a moment after that.
        """
        is_started_again = False
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    while (leader := await asyncio.to_thread(self._look)) is None:  # noqa: ASYNC110 - other processes change it
                        await asyncio.sleep(LOOK_EVERY)
                    if not self._is_synchronous or await self._knows_a_standby(leader):
                        return leader
                    await asyncio.to_thread(self._remove_the_note if is_started_again else leader.start_patroni_again)
                    is_started_again = True
        except TimeoutError:
            raise TimeoutError("\n".join(each.last_words() for each in self._nodes)) from None

    async def _knows_a_standby(self, leader: Node) -> bool:
        """Wait until a node that leads has noted which standby is synchronous: no other one may lead before.

        Patroni before 3.1.0 that was paused, or whose etcd was, may take its own note for somebody else's from then on, until it
        is started again (its issue 2779). If it has taken its lock back from one that was promoted meanwhile, the note is that
        one's, and stays so. PostgreSQL has its synchronous standby meanwhile, and acknowledges commits.
        """
        end = monotonic() + PATIENCE
        while monotonic() < end:
            with suppress(OSError):
                if any(each["role"] == "sync_standby" for each in await asyncio.to_thread(_members, leader)):
                    return True
            await asyncio.sleep(LOOK_EVERY)
        return False

    def _remove_the_note(self) -> None:
        """Have etcd forget who is synchronous, as an administrator would: a Patroni that leads writes it down anew."""
        key = base64.b64encode(f"/service/{SCOPE}/sync".encode()).decode()
        address = f"http://{HOST}:{self._etcd.port}/v3/kv/deleterange"
        request = urllib.request.Request(address, json.dumps({"key": key}).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=WITHIN):
            pass

    def _look(self) -> Node | None:
        for asked in self._nodes:
            try:
                members = _members(asked)
            except OSError:
                return None
            followers = [each for each in members if each["role"] != "leader" and each["state"] in {"running", "streaming"}]
            leaders = [each["name"] for each in members if each["role"] == "leader" and each["state"] == "running"]
            if len(followers) != len(self._nodes) - 1 or len(leaders) != 1:
                return None
        leader = next(each for each in self._nodes if each.name == leaders[0])
        are_so = (_says_that_it_leads(each) if each is leader else _says_that_it_follows(each) for each in self._nodes)
        return leader if all(are_so) else None

    async def _until_another_leads(self, former: Node) -> None:
        """Wait until another node takes writes."""
        others = [each for each in self._nodes if each is not former]
        async with asyncio.timeout(WITHIN):
            while not any([await asyncio.to_thread(_says_that_it_leads, each) for each in others]):  # noqa: ASYNC110 - as above
                await asyncio.sleep(LOOK_EVERY)

    async def _until_led(self) -> None:
        """Wait until the database answers, whoever leads. What Patroni tells may be from before a leader was gone."""
        await _until_it_answers(self._leader)
        await self.until_complete()

    async def _switch_over(self, random: Random) -> None:
        end = monotonic() + WITHIN
        while refusal := await asyncio.to_thread(_refused_to_hand_over, await self.until_complete()):
            if monotonic() > end:
                raise TimeoutError(refusal)
            await asyncio.sleep(LOOK_EVERY)
        await self.until_complete()

    async def _crash(self, _: Random) -> None:
        leader = await self.until_complete()
        await asyncio.to_thread(leader.crash_postgres)
        await asyncio.sleep(LOOP_WAIT)
        await self._until_led()

    async def _kill(self, _: Random) -> None:
        leader = await self.until_complete()
        await asyncio.to_thread(leader.kill)
        await self._back(leader)

    async def _kill_ahead(self, _: Random) -> None:
        """Kill the leader when it has acknowledged what no other node has, if it acknowledges that at all."""
        leader = await self.until_complete()
        standbys = [each for each in self._nodes if each is not leader]
        for standby in standbys:
            await asyncio.to_thread(standby.pause_postgres)
        await asyncio.sleep(A_MOMENT)
        await asyncio.to_thread(leader.kill)
        for standby in standbys:
            standby.resume_postgres()
        await self._back(leader)

    async def _back(self, leader: Node) -> None:
        """Start a node again that led, once another one does."""
        await self._until_another_leads(leader)
        await asyncio.to_thread(leader.start)
        await self.until_complete()

    async def _pause(self, _: Random) -> None:
        leader = await self.until_complete()
        await asyncio.to_thread(leader.pause)
        await self._until_another_leads(leader)
        await asyncio.sleep(A_MOMENT)
        leader.resume()
        await self.until_complete()

    async def _pause_patroni(self, _: Random) -> None:
        leader = await self.until_complete()
        await asyncio.to_thread(leader.patroni.pause)
        await self._until_another_leads(leader)
        await asyncio.sleep(A_MOMENT)
        leader.patroni.resume()
        await self.until_complete()

    async def _pause_etcd(self, _: Random) -> None:
        """Pause what tells who leads. A leader whose tries fail meanwhile gives up, and is promoted again after that."""
        await asyncio.to_thread(self._etcd.pause)
        await asyncio.sleep(A_MOMENT)
        self._etcd.resume()
        await asyncio.sleep(LOOP_WAIT + RETRY_TIMEOUT)
        await self._until_led()

    async def _kill_a_standby(self, random: Random) -> None:
        leader = await self.until_complete()
        standby = random.choice([each for each in self._nodes if each is not leader])
        await asyncio.to_thread(standby.kill)
        await asyncio.to_thread(standby.start)
        await self.until_complete()


@asynccontextmanager
async def patroni(*, is_synchronous: bool) -> AsyncIterator[Database]:
    """Run all of it. If it is synchronous, a commit waits for a standby, and if there is none, for that."""
    settings = {
        "ttl": TTL,
        "loop_wait": LOOP_WAIT,
        "retry_timeout": RETRY_TIMEOUT,
        "primary_start_timeout": 0,
        "synchronous_mode": is_synchronous,
        "synchronous_mode_strict": is_synchronous,
        "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 60}},
    }
    async with AsyncExitStack() as stack:
        etcd = stack.enter_context(_etcd())
        nodes = [stack.enter_context(node(f"node{number}", etcd.port, settings=settings)) for number in range(3)]
        leader = Postgres(stack.enter_context(_before(nodes)))
        await _until_it_answers(leader)
        leader.administer(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        bouncer = stack.enter_context(pgbouncer(leader))
        cluster = Cluster(nodes, etcd, leader, bouncer, is_synchronous=is_synchronous)
        await cluster.until_complete()
        yield cluster


@contextmanager
def _etcd() -> Iterator[RealServer]:
    peer = free_port()

    def command(port: int, folder: Path) -> list[str | Path]:
        clients, peers = f"http://{HOST}:{port}", f"http://{HOST}:{peer}"
        told = {
            "--name": "one",
            "--data-dir": f"{folder}/etcd",
            "--listen-client-urls": clients,
            "--advertise-client-urls": clients,
            "--listen-peer-urls": peers,
            "--initial-advertise-peer-urls": peers,
            "--initial-cluster": f"one={peers}",
        }
        return [*not_as_root(), found("etcd") or "etcd", *(word for pair in told.items() for word in pair)]

    with running(RealServer(command, partial(_told, path="/health"), b"HTTP/1.0 200"), hand_over) as server:
        yield server


@contextmanager
def _before(nodes: Sequence[Node]) -> Iterator[RealServer]:
    """Run the HAProxy whose address leads to the node that leads."""

    def command(port: int, folder: Path) -> list[str | Path]:
        lines = (f"    server {each.name} {HOST}:{each.port} check port {each.patroni.port}" for each in nodes)
        file = folder / "haproxy.cfg"
        file.write_text(BEFORE.format(host=HOST, port=port, nodes="\n".join(lines)))
        return [found("haproxy") or "haproxy", "-db", "-f", file]

    with running(RealServer(command, _accepts, b"ready")) as server:
        yield server


def _accepts(port: int) -> bytes:
    with socket.create_connection((HOST, port), timeout=1):
        return b"ready"


def _told(port: int, path: str) -> bytes:
    with socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return connection.recv(1024)


def _refused_to_hand_over(leader: Node) -> str:
    """Ask Patroni for a switchover. If it makes none (412) until another node is fit to lead, return what it says of all."""
    address = f"http://{HOST}:{leader.patroni.port}/switchover"
    request = urllib.request.Request(address, json.dumps({"leader": leader.name}).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=WITHIN):
            return ""
    except urllib.error.HTTPError as refusal:
        if refusal.code != HTTPStatus.PRECONDITION_FAILED:
            raise
        return f"{leader.name}: {refusal.read().decode()} {_members(leader)}"


def _members(asked: Node) -> list[dict[str, Any]]:
    """Return what a node tells of all. Raises `OSError`."""
    with urllib.request.urlopen(f"http://{HOST}:{asked.patroni.port}/cluster", timeout=2) as answer:
        members: list[dict[str, Any]] = json.load(answer)["members"]
        return members


def _says_that_it_leads(asked: Node) -> bool:
    return _is_200(asked, "/primary")


def _says_that_it_follows(asked: Node) -> bool:
    return _is_200(asked, "/replica")


def _is_200(asked: Node, path: str) -> bool:
    try:
        return b" 200 " in _told(asked.patroni.port, path)[:20]
    except OSError:
        return False


async def _until_it_answers(leader: Postgres) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await asyncio.to_thread(leader.administer, "SELECT 1")
            except psycopg.OperationalError:
                await asyncio.sleep(LOOK_EVERY)
            else:
                return
