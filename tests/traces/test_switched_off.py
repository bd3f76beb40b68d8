"""Without traces, a server is made of the plain parts, and nothing of OpenTelemetry is in its process."""

import subprocess
import sys
from pathlib import Path

from connector.assembly.kinds import UNTRACED, Kinds
from connector.assembly.traced import traced_kinds
from connector.assembly.tracing import tracing_of
from connector.cache import Loads
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.config.settings import Settings, TracesSection
from connector.sessions.logouts import Logouts
from connector.telemetry.traces import Traces
from connector.workers.reaper import Reaper

SERVES = """
import sys
from connector.app import create_app
from connector.config.settings import Settings
create_app(Settings(), environ={"CONNECTOR_LEDGER_KEYS": "one:" + "k" * 42 + "A"})
print(*(name for name in sys.modules if name.partition(".")[0] in {"opentelemetry", "requests", "google"}))
"""


def test_no_library_for_traces_is_imported(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SERVES], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == ""


def test_the_parts_are_the_plain_ones_and_no_middleware_is_added() -> None:
    off = tracing_of(Settings())

    assert off.kinds is UNTRACED
    assert Kinds(Storage, Loads, Logouts, Orchestrator, Reaper) == UNTRACED
    assert (off.of_calls, off.of_requests) == ((), ())


def test_with_traces_each_part_is_one_of_its_own_kind() -> None:
    kinds = traced_kinds(Traces("http://127.0.0.1:4318/v1/traces", "a connector").tracer)

    for name in Kinds.__struct_fields__:
        assert issubclass(getattr(kinds, name), getattr(UNTRACED, name))
        assert getattr(kinds, name) is not getattr(UNTRACED, name)


def test_with_traces_calls_and_requests_are_seen() -> None:
    on = tracing_of(Settings(traces=TracesSection(endpoint="http://127.0.0.1:4318/v1/traces")))

    assert (len(on.of_calls), len(on.of_requests)) == (1, 1)
