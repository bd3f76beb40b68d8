"""Requests with headers of a test's choice, none added."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SESSION = "6f1c1d2e-0000-4000-8000-00000000000b"
CLEANUP = f"/cleanup/{SESSION}"
NOWHERE = {"errors": {"code": "not_found", "message": "There is nothing at this path."}}
WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str

    @property
    def refused(self) -> bool:
        """Whether it is what callers get who may not call."""
        return self.status == 404 and json.loads(self.text) == NOWHERE

    @property
    def body(self) -> Any:
        return json.loads(self.text)


async def sent(url: str, target: str, *headers: str, method: str = "GET", version: str = "1.1", body: str = "") -> Answer:
    """Send one request to the server at `url` with these header lines and no others but the length of its body."""
    where = urlsplit(url)
    connection = await asyncio.open_connection(where.hostname, where.port)
    return await _exchanged(connection, [f"{method} {target} HTTP/{version}", *headers], body)


async def sent_by_socket(path: str, target: str, *headers: str, method: str = "GET", body: str = "") -> Answer:
    """Do the same over a Unix socket."""
    connection = await asyncio.open_unix_connection(path)
    return await _exchanged(connection, [f"{method} {target} HTTP/1.1", *headers], body)


async def _exchanged(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], head: list[str], body: str) -> Answer:
    reader, writer = connection
    lines = [*head, f"Content-Length: {len(body)}", "Connection: close", "", body]
    try:
        async with asyncio.timeout(WITHIN):
            writer.write("\r\n".join(lines).encode("latin-1"))
            answer, _, text = (await reader.read()).decode().partition("\r\n\r\n")
    finally:
        writer.close()
    return Answer(int(answer.split(" ")[1]), text)
