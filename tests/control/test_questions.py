"""Whatever is asked over the control socket: a question that makes no sense is the asker's fault, and changes nothing."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.callers.sent import Answer, sent_by_socket
from tests.control.administered import Administered, administered

HERE = "Host: localhost"


@dataclass(frozen=True, slots=True)
class Desk:
    """A control socket on a loop that outlives the examples of a test."""

    runner: asyncio.Runner
    server: Administered

    def ask(self, target: str, method: str = "GET", body: str = "") -> Answer:
        socket = str(self.server.folder / "control.sock")
        return self.runner.run(sent_by_socket(socket, target, HERE, method=method, body=body))


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        ways = AsyncExitStack()
        server = runner.run(ways.enter_async_context(administered(Path(folder))))
        runner.run(server.refused(1))
        yield Desk(runner, server)
        runner.run(ways.aclose())


BODIES = {
    "too large": ("x" * 70_000, 413),
    "far too large": ("x" * 2_000_000, 413),
    "too deep in lists": ("[" * 30_000 + "]" * 30_000, 400),
    "too deep in objects": ('{"reason":' * 5_000 + "1" + "}" * 5_000, 400),
    "not UTF-8": ('{"reason": "\xff"}', 400),
    "half a character": (r'{"reason": "\ud800"}', 400),
    "no object": ("1", 400),
    "a number beyond 64 bits": ('{"reason": ' + "9" * 400 + "}", 400),
    "too long a reason": (json.dumps({"reason": "x" * 501}), 400),
}
TARGETS = {
    "an id beyond 64 bits": "/owed?after=9223372036854775808",
    "an id far beyond 64 bits": f"/owed?after={10**400}",
    "a negative id": "/owed?after=-1",
    "no number": "/owed?after=x",
    "too many rows": "/owed?limit=1001",
    "an unknown state": "/owed?state=lost",
    "an unknown parameter": "/owed?x=1",
    "a row beyond 64 bits": "/owed/9223372036854775808",
    "a row in other digits": "/owed/%D9%A1",
    "a row that is not there": "/owed/999999999999999999",
    "a session that is not there": "/sessions/00000000-0000-0000-0000-000000000000",
    "a session that is no UUID": "/sessions/%F0%9F%98%80",
    "a place beyond 64 bits": "/sessions?after=9223372036854775808",
    "no time": "/sessions?idle=nan",
    "more time than there is": "/sessions?idle=1e300",
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_a_dismissal_is_the_askers_fault(desk: Desk, body: str, status: int) -> None:
    assert desk.ask("/owed/1/dismiss", "POST", body).status == status
    assert desk.ask("/owed/1").body["state"] == "waiting"


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_question_out_of_range_is_the_askers_fault(desk: Desk, target: str) -> None:
    assert desk.ask(target).status in {400, 404}


PATHS = st.sampled_from(["/owed", "/sessions"])
NAMES = st.sampled_from(["state", "system", "origin", "idle", "after", "limit", "reason", "x"])
VALUES = (
    st.text() | st.integers().map(str) | st.sampled_from(["%ff", "%00", "%ed%a0%80", "owed", "all", "open", "-0.0", "1e-300"])
)
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
steadily = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@steadily
@given(PATHS, QUERIES)
def test_no_question_breaks_the_server(desk: Desk, path: str, query: list[tuple[str, str]]) -> None:
    asked = "&".join(f"{name}={value if value.startswith('%') else quote(value, safe='')}" for name, value in query)
    assert desk.ask(f"{path}?{asked}".encode("ascii", "ignore").decode()).status in {200, 400}


@steadily
@given(
    st.sampled_from(["/owed/999/dismiss", f"/sessions/{UUID(int=9)}/close", f"/sessions/{UUID(int=9)}/dismiss"]),
    JSON.map(json.dumps) | st.text(st.characters(codec="latin-1")),
)
def test_no_body_breaks_the_server(desk: Desk, target: str, body: str) -> None:
    assert desk.ask(target, "POST", body).status in {400, 404}
