"""The example as its author runs it: a process of its own, in a folder that holds its files."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import surroundings
from tests.e2e.connector_process import started

EXAMPLE = Path(__file__).parents[2] / "examples" / "roundup_connector"
FREE_PORTS = {"CONNECTOR__SERVER__PORT": "0", "CONNECTOR__METRICS__PORT": "0", "CONNECTOR__LOGS__FORMAT": "json"}


@contextmanager
def running(folder: Path, trackers: Sequence[str]) -> Iterator[str]:
    """Run the connector of a folder for these trackers, on a free port, and yield its root URL."""
    environment = surroundings({**FREE_PORTS, "CONNECTOR__END_SYSTEM__ALLOWED_URLS": json.dumps(list(trackers))})
    with started((sys.executable, "app.py"), folder, environment) as server:
        yield server.url
