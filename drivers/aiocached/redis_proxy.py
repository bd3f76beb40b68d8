"""Tells a twemproxy by what it answers, because it answers nothing that would name it."""

import asyncio
from contextlib import suppress

PING, INFO = b"*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nINFO\r\n"


async def is_twemproxy(address: str, port: int, seconds: float) -> bool:
    """Tell whether a twemproxy listens there: it answers `PING`, and closes the connection at `INFO`, which it does not know."""
    with suppress(OSError):
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(PING)
                if await reader.readline() != b"+PONG\r\n":
                    return False
                writer.write(INFO)
                return await reader.read(1) == b""
            finally:
                writer.close()
    return False
