"""Java's two clients, in a JDK's process that is told what to call."""

import asyncio
import base64
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("Caller.java")
WITHIN = 60.0
"""Seconds that Java may take to compile the source, or for a call."""


class JavaClient(Enum):
    """The clients that the JDK brings."""

    CONNECTION = "HttpURLConnection"
    CLIENT = "java.net.http"


@dataclass(frozen=True, slots=True)
class JavaAnswer:
    """What Java made of what came back; the status is 0 if it made nothing of it."""

    status: int
    body: bytes

    @property
    def session_headers(self) -> dict[str, str]:
        """What OpsHub makes of an initialize's answer; nothing if it cannot be read to its end."""
        try:
            return {pair["key"]: pair["value"] for pair in json.loads(self.body)} if self.status == 200 else {}
        except json.JSONDecodeError:
            return {}


@dataclass(frozen=True, slots=True)
class Caller:
    """A running JDK."""

    process: Process

    async def call(
        self, client: JavaClient, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> JavaAnswer:
        """Call a URL once, as the author of OpsHub would."""
        text = "" if body is None else json.dumps(body)
        given = [f"{name}: {value}" for name, value in (headers or {}).items()]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(("\t".join([client.value, method, url, text, *given]) + "\n").encode())
        async with asyncio.timeout(WITHIN):
            line = await self.process.stdout.readline()
        status, _, answer = line.decode().strip("\n").partition("\t")
        return JavaAnswer(int(status), base64.b64decode(answer))


@asynccontextmanager
async def java() -> AsyncIterator[Caller]:
    """Start a JDK, which compiles the source first."""
    process = await asyncio.create_subprocess_exec("java", "-Xmx128m", str(SOURCE), stdin=PIPE, stdout=PIPE, limit=2**20)
    try:
        yield Caller(process)
    finally:
        process.kill()
        await process.wait()
