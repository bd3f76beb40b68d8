"""The Sentinels: all are asked at once which server is the master, and the newest answer counts."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from drivers.aiocached.aiocache_settings import SILENCE, AiocacheSettings
from drivers.aiocached.redis_connection import Addressed, connected, said
from drivers.aiocached.translation import BROKEN
from drivers.driver_errors import DriverError, DriverMisconfigured, DriverUnavailable
from drivers.host_names import Names, Question, first_to_answer

MUCH_SLOWER = 4
"""A question may take so many times as long as the last one that was answered."""
MISTAKES = (
    (AuthenticationError, "", "is not named: the Sentinels refuse the user or the password; see sentinel_password"),
    (NoPermissionError, "", "is not named: the Sentinels do not permit the user to ask for it; see sentinel_username"),
    (ResponseError, "No such master", "is unknown to the Sentinels; see master_name"),
    (ResponseError, "unknown command", "is not named: what sentinels names are no Sentinels"),
)
"""What the Sentinels answer if the settings are wrong."""

HostPort = tuple[str, int]
"""A host and its port."""


class _NamedMaster(NamedTuple):
    epoch: int
    """Rises with each fail-over that the Sentinels agree on."""
    master: HostPort


class Sentinels:
    """Knows the master by asking.

    A Sentinel that was cut off names the former master. So all are asked, and of a majority's answers the one of the latest
    fail-over counts. If fewer answer in time, theirs and what was said last have to do: the master may be well without them.
    """

    def __init__(self, settings: AiocacheSettings, connection: Callable[[str, int], Addressed]) -> None:
        """`connection` makes one to this host and port, not connected yet."""
        self._settings = settings
        self._connection = connection
        self._names = Names()
        self._one_question = asyncio.Lock()
        self._asked_at = 0.0
        self._majority = len(settings.sentinels) // 2 + 1
        self._patience = settings.connect_timeout
        """Seconds until what was said last has to do."""
        self._named: _NamedMaster | None = None
        """What they said last."""

    async def master(self) -> HostPort:
        """Return where the master is now. Callers that come while the Sentinels are asked share the next answer.

        Raises:
            DriverUnavailable: no Sentinel answers in time, and none ever has.
            DriverMisconfigured: they all refuse the password, or know no such master, or are none; and none ever answered.
        """
        came_at = time.monotonic()
        async with self._one_question:
            if self._named is None or self._asked_at < came_at:
                asked_at = time.monotonic()
                self._named = await self._newest()
                self._asked_at = asked_at
            return self._named.master

    async def _newest(self) -> _NamedMaster:
        answers, problems = list[_NamedMaster](), list[Exception]()
        begun = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._ask_all(answers, problems)
        if len(answers) >= self._majority:
            # Whoever knows a master does not wait long for Sentinels that are silent; those that are far away have their time.
            self._patience = max(SILENCE, MUCH_SLOWER * (time.monotonic() - begun))
        if len(answers) < self._majority and self._named is not None:
            answers.append(self._named)
        if not answers:
            raise _explained(problems)
        return max(answers)

    async def _ask_all(self, answers: list[_NamedMaster], problems: list[Exception]) -> None:
        """Add the answers until there is a majority's, and what went wrong."""
        tasks = list[asyncio.Task[None]]()

        async def ask(sentinel: str) -> None:
            try:
                answers.append(await self._asked(*_host_and_port(sentinel)))
            except (OSError, RedisError, *BROKEN) as problem:
                problems.append(problem)
            if len(answers) >= self._majority:
                for task in tasks:
                    task.cancel()

        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(ask(sentinel)) for sentinel in self._settings.sentinels]

    async def _asked(self, host: str, port: int) -> _NamedMaster:
        connection = self._connection(host, port)
        try:
            addresses = await self._names.addresses(Question(host))
            await first_to_answer(addresses, lambda address: self._connect_to(connection, address), RedisError)
            name = str(self._settings.master_name)
            told = await said(connection, "SENTINEL", "MASTER", name)
            # While it leads a fail-over, a Sentinel tells the new epoch with the former address, and only here the new one.
            ip, port_there = await said(connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        finally:
            await connection.disconnect(nowait=True)
        return _NamedMaster(int(told[b"config-epoch"]), (ip.decode(), int(port_there)))

    async def _connect_to(self, connection: Addressed, address: str) -> None:
        connection.address = address
        await connected(connection, self._settings)


def _explained(problems: list[Exception]) -> DriverError:
    """Return why no Sentinel has named a master. It is a mistake of the settings only if every Sentinel says so."""
    for kind, words, reason in MISTAKES:
        if problems and all(isinstance(problem, kind) and words in str(problem) for problem in problems):
            return DriverMisconfigured(reason)
    return DriverUnavailable("is not named by any Sentinel in time")


def _host_and_port(sentinel: str) -> HostPort:
    host, _, port = sentinel.rpartition(":")
    return host.strip("[]"), int(port)
