"""Starts a real system on loopback, and ends it with all of its processes."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.endsystems.real_systems.system import PASSWORD, USER, RealSystem, Source
from tests.ports import HOST, free_port

READY_WITHIN = 900.0
"""Seconds that a system may take to set itself up and to answer, on a busy machine."""
GONE_WITHIN = 20.0
LOOK_EVERY = 0.1
ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
"""The processes of a Debian end with the one that was started, and what is mounted there goes with them."""


@contextmanager
def running(system: RealSystem, public_url: str) -> Iterator[str]:
    """Run an installed system with new data. It takes itself for `public_url`; what is yielded is where it really is."""
    port = free_port()
    with TemporaryDirectory() as folder, (Path(folder) / "output.log").open("wb") as log:
        variables = {"PORT": str(port), "PUBLIC_URL": public_url, "USER_NAME": USER, "PASSWORD": PASSWORD}
        process = subprocess.Popen(
            _command(system, variables | {"HOST": HOST}, Path(folder)),
            cwd=folder,
            env=_surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_until_it_answers(process, port, system, Path(log.name))
            yield f"http://{HOST}:{port}"
        finally:
            _end(process)


def _command(system: RealSystem, variables: dict[str, str], folder: Path) -> Sequence[str | Path]:
    """Return the command that sets the system up and serves it until it is killed."""
    if system.source is Source.PYPI:
        told = {
            **variables,
            "DATA": str(folder),
            "ENVIRONMENT": str(system.environment),
            "PATH": f"{system.environment / 'bin'}:{os.environ['PATH']}",
        }
        return ["env", *(f"{name}={value}" for name, value in told.items()), "sh", system.folder / "start"]
    root = system.environment / "root"
    shutil.rmtree(root / "srv", ignore_errors=True)
    (root / "srv").mkdir(mode=0o755)
    shutil.copy(system.folder / "start", root / "srv" / "start")
    told = {**variables, "DATA": "/srv", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
    inside = ["env", "--ignore-environment", *(f"{name}={value}" for name, value in told.items()), "sh", "/srv/start"]
    return [*ISOLATED, "chroot", root, *inside]


def _surroundings() -> dict[str, str]:
    """Return this process's environment without what is meant for its own Python and for the connector."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONNECTOR", "DJANGO"))}


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, system: RealSystem, log: Path) -> None:
    end = time.monotonic() + READY_WITHIN
    while not _answers(port, system.base_path + system.ready):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{system.name} did not come up:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(LOOK_EVERY)


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process group that was started here."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(GONE_WITHIN)
