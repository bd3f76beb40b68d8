"""Serving a configuration file's connector: ours as it is, or with an author's own routes and hooks."""

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from connector.cleanups.hooks import Hooks
from connector.cli.endings import explained_ends
from connector.preflight.loading import load, read
from connector.runtime.outlet import take_over_standard_streams
from connector.server import serve
from connector.telemetry.logs import configure_logs


def run(config: Path | str, *, routes: Collection[web.RouteDef] = (), hooks: Hooks | None = None) -> NoReturn:
    """Do what `connector serve` does, with an author's routes and hooks as for `create_app`, and end the process."""
    with explained_ends():
        sys.exit(serve_file(Path(config), routes=routes, hooks=hooks))


def serve_file(config: Path | None, *, routes: Collection[web.RouteDef] = (), hooks: Hooks | None = None) -> int:
    """Serve until a signal asks to end, and return the exit code; None for the defaults. Raises `ConfigurationError`."""
    take_over_standard_streams()
    prepared = load(config, os.environ)
    configure_logs(prepared.settings.logs)
    return serve(prepared, routes=routes, hooks=hooks, read_again=lambda: read(config, os.environ).settings)
