"""A hundred thousand requests that are nearly right."""

import json
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from itertools import islice
from pathlib import Path

import pytest

from tests.api.mutation import CANARY, FINAL, malformed
from tests.api.serving import PATIENCE, SHORT, EdgeProcess, edge_process

AT_ONCE = 64
RESET = struct.pack("ii", 1, 0)
"""Lingering that ends a connection without leaving it behind in TIME_WAIT: there are only so many ports."""
GROWTH = 4_096
"""Kilobytes that the server may gain while the last four fifths of the requests come: 52 bytes for each of 80,000."""
LONGEST_LINE = 500


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "count"), [({}, 100_000), ({"AIOHTTP_NO_EXTENSIONS": "1"}, 10_000)], ids=["c", "python"])
def test_malformed_requests_cause_no_5xx_no_leak_and_no_growth(environment: dict[str, str], count: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with edge_process(log, environment, body=SHORT) as edge:
        statuses, leaks = _send(edge, count // 5, seed=1)
        before = edge.resident_kilobytes()
        more, more_leaks = _send(edge, count - count // 5, seed=2)
        growth = edge.resident_kilobytes() - before
    statuses += more
    assert leaks + more_leaks == []
    assert statuses.total() == count
    assert {status for status in statuses if status} <= {100, 200, 400, 404, 405, 408, 413, 417}
    assert statuses[0] < count / 100
    assert growth < GROWTH
    _check_log(log.read_bytes(), parsed=count - statuses[400] // 2)


def _send(edge: EdgeProcess, count: int, seed: int) -> tuple[Counter[int], list[bytes]]:
    """Send so many; return how often each status was the first to come back, 0 for none, and the answers that hold the canary."""
    statuses: Counter[int] = Counter()
    leaks = []
    requests = malformed(count, seed)
    while batch := [*islice(requests, AT_ONCE)]:
        for answer in _exchange(edge.port, batch):
            statuses[int(answer[9:12] or 0)] += 1
            leaks += [answer] if CANARY in answer else []
    return statuses, leaks


def _exchange(port: int, requests: Sequence[bytes]) -> list[bytes]:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(_connect(port))) for _ in requests]
        for connection, request in zip(connections, requests, strict=True):
            _push(connection, request)
        for connection in connections:
            _push(connection, FINAL)
        return [_pull(connection) for connection in connections]


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return connection


def _push(connection: socket.socket, data: bytes) -> None:
    with suppress(ConnectionError):  # answered and closed already
        connection.sendall(data)


def _pull(connection: socket.socket) -> bytes:
    with suppress(ConnectionError):
        return connection.recv(65_536)
    return b""


def _check_log(log: bytes, *, parsed: int) -> None:
    """One line for each request that was parsed, a few for all others, each of a bounded length, and no defect."""
    assert CANARY not in log
    lines = log.splitlines()
    assert len(lines) <= parsed
    assert max(map(len, lines)) < LONGEST_LINE
    assert {line["event"] for line in map(json.loads, lines)} == {"request", "requests rejected by the parser"}
