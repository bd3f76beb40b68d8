"""What time an HTTP server has, by the header `Date` of an answer."""

import asyncio
import time
from email.utils import parsedate_to_datetime

from connector.doctor.clock import clock_finding
from connector.doctor.finding import DoctorFinding
from connector.endsystems.http.guard import UrlPrefix

HEAD = "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
"""It carries no credential, and asks for nothing."""


async def told_clock(
    name: str, place: UrlPrefix, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: float
) -> list[DoctorFinding]:
    """Ask for the time over a connection, and close it. Nothing is found if the server does not tell."""
    begun = time.time()
    try:
        async with asyncio.timeout(deadline):
            host = f"[{place.host}]" if ":" in place.host else place.host
            writer.write(HEAD.format(host=f"{host}:{place.port}").encode("ascii"))
            head = await reader.readuntil(b"\r\n\r\n")
            said = _date(head.decode("latin-1"))
    except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
        return []
    finally:
        writer.transport.abort()
    return [] if said is None else [clock_finding(name, begun, said, time.time(), whole=1.0)]


def _date(head: str) -> float | None:
    """Return when an answer was made, in seconds since the epoch; None if it does not say so. Raises `ValueError`."""
    lines = (line.partition(":") for line in head.split("\r\n"))
    text = next((value for name, _, value in lines if name.lower() == "date"), None)
    return None if text is None else parsedate_to_datetime(text.strip()).timestamp()
