"""What runs in the process that is killed: the real server, with a failpoint at most."""

import ctypes
import os
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from aiohttp import web

from connector.model.listed import TICK
from connector.preflight.loading import load
from connector.server import serve
from connector.telemetry.logs import configure_logs
from drivers import group_commit
from tests.torture.failpoints import Failpoint

PR_SET_PDEATHSIG, PR_SET_PTRACER, ANY = 1, 0x59616D61, -1


def serve_here(
    config: Path,
    failpoint: Failpoint | None = None,
    *,
    batch: int | None = None,
    routes: Collection[web.RouteDef] = (),
    tick: float = TICK,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Serve a configuration; what it logs is appended to `server.log` beside it.

    `batch` bounds the works of one transaction; `tick` is how many seconds a minute of idle time takes. Variables that change
    settings are those of `environ`.
    """
    os.chdir(config.parent)
    log = os.open("server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    _tie_to_its_test()
    settings = load(config, environ or {}).settings
    configure_logs(settings.logs)
    if failpoint is not None:
        failpoint.arm()
    if batch is not None:
        group_commit.BATCH = batch
    sys.exit(serve(settings, routes=routes, tick=tick))


def _tie_to_its_test() -> None:
    """End with the test, however that ends; and let strace attach, where Linux is set up to let only a process's parent do so."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(PR_SET_PTRACER, ANY, 0, 0, 0)
