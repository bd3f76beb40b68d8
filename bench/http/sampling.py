"""Where a server's processor time goes: a thread looks at the others a thousand times a second.

Each look waits for `WINDOW` seconds, and charges the share of it for which a thread was running to the part of the code that it
is in then: the innermost frame that belongs to a known part, be it called by another or running what is nobody's, as the standard
library is. What no known part is in belongs to the event loop. What all looks have seen is scaled up to all that was used, by the
system's clocks.

It is a sample: parts of a few microseconds come out differently each time. Python lets another thread look between two
instructions only, so that what a call of C takes is charged to its caller.
"""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import FrameType

import aiohttp
import aiosqlite
import prometheus_client
import structlog

import connector
import drivers

EVERY, WINDOW = 0.001, 0.00003
"""Seconds between two looks, and of each: so short that a thread seldom begins something else, or falls asleep, within."""
LATE = 0.0003
"""Seconds after which a look does not count: others had the machine, and what runs now is not what ran then."""
SWITCH = 0.00002
"""Seconds that a thread may run on when another wants to. It is 5 ms by default: looks would find what gives way by itself. Far
less, and threads that wait for their turn leave no time to those whose turn it is."""
Clocks = dict[int, float]
"""Thread -> processor time that it has used so far, in seconds."""
OURS, DRIVERS, AIOHTTP = (Path(str(module.__file__)).parent for module in (connector, drivers, aiohttp))
CLIENT = ("client.py", "client_middlewares.py", "client_proto.py", "client_reqrep.py", "connector.py", "resolver.py")
SERVER = ("web_protocol.py", "web_request.py", "web_response.py", "web_server.py", "web_app.py", "web_urldispatcher.py")
"""aiohttp's modules that serve one side alone. What both sides share is charged to the one that calls it."""
EVENT_LOOP = "event loop, sockets"
PLACES: Sequence[tuple[Path, str]] = [
    *((AIOHTTP / module, "aiohttp's client") for module in CLIENT),
    *((AIOHTTP / module, "aiohttp's server") for module in SERVER),
    (OURS / "api", "HTTP edge"),
    (OURS / "telemetry" / "logs.py", "log"),
    (Path(structlog.__file__).parent, "log"),
    (OURS / "telemetry", "metrics"),
    (Path(prometheus_client.__file__).parent, "metrics"),
    (OURS / "ledger", "ledger"),
    (OURS / "endsystems", "logins and logouts"),
    (OURS, "orchestrator"),
    (DRIVERS / "sqlite_writer.py", "group commit"),
    (DRIVERS / "sqlite_file.py", "group commit"),
    (Path(aiosqlite.__file__).parent, "group commit"),
    (DRIVERS, "drivers"),
]
"""Where the code of each part lies; the first that fits."""
ORDER = (
    *(EVENT_LOOP, "aiohttp's server", "HTTP edge", "orchestrator", "drivers", "logins and logouts", "aiohttp's client"),
    *("ledger", "group commit", "metrics", "log"),
)
"""From the caller's request to the disk, and what is noted of it."""


class Sampler:
    """Divides the processor time that this process uses from `begin` to `end` among the parts. Its own is left out."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, float] = defaultdict(float)
        self._before: Clocks = {}
        self._usual_switch = SWITCH
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)

    def begin(self) -> None:
        """Let threads take turns quickly, and look at them."""
        self._usual_switch = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        self._before = self._clocks()
        self._thread.start()

    def end(self) -> dict[str, float]:
        """Return the seconds that each part has used."""
        after = self._clocks()
        self._ends.set()
        self._thread.join()
        sys.setswitchinterval(self._usual_switch)
        used = sum(now - self._before.get(thread, 0.0) for thread, now in after.items())
        looks = sum(self._seen.values())
        return {part: used * seen / looks for part, seen in self._seen.items()}

    def _sample(self) -> None:
        _wake_on_time()
        while not self._ends.wait(EVERY):
            begun, before = time.perf_counter(), self._clocks()
            time.sleep(WINDOW)
            frames = sys._current_frames()  # noqa: SLF001 - its documented name
            took = time.perf_counter() - begun
            if took > LATE:
                continue
            for thread, now in self._clocks().items():
                self._seen[_part(frames.get(thread))] += (now - before.get(thread, now)) / took

    def _clocks(self) -> Clocks:
        """Return the processor time of each thread. One that is in the list cannot end while this one holds Python's lock."""
        threads = [thread.ident for thread in threading.enumerate() if thread.ident and thread is not self._thread]
        return {thread: time.clock_gettime(time.pthread_getcpuclockid(thread)) for thread in threads}


def _wake_on_time() -> None:
    """Have the system end this thread's sleeps when they are over, and not 50 microseconds later."""
    Path(f"/proc/{threading.get_native_id()}/timerslack_ns").write_text("1")


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        if part := _part_of(frame.f_code.co_filename):
            return part
        frame = frame.f_back
    return EVENT_LOOP


@cache
def _part_of(file: str) -> str | None:
    return next((part for place, part in PLACES if Path(file).is_relative_to(place)), None)
