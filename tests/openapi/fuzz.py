"""Fuzz every call that a connector describes: `python -m tests.openapi.fuzz --seconds 3600 --seed 7`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from connector.sessions.seal import HEADER
from tests.cli.command import connector, surroundings
from tests.e2e.connector_process import started
from tests.e2e.opshub import OpsHub
from tests.openapi.hooks import SEAL
from tests.sessions.desk import Desk, settings

CONFIG = '\n[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n'
REJECTED = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 413, 417, 431, 502, 503]
"""
"""By default schemathesis does not take 417 and 431, which what it sends is also answered, for rejections."""
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.openapi.hooks"}
OPTIONS = ("--checks=all", "--continue-on-failure", "--generation-database=none", "--warnings=off", "--no-color")
TO_END = 60
"""Seconds after its time within which schemathesis has to end."""


async def faults(folder: Path, seconds: int, seed: int) -> list[str]:
    """Fuzz a server for so long. Return what was wrong with an answer, with its log, or with its sessions afterwards."""
    async with Desk() as desk:
        (folder / "config.toml").write_text(desk.section + CONFIG)
        (folder / "schemathesis.toml").write_text(REJECTED)
        command = (sys.executable, "-m", "tests.openapi.serving", folder / "config.toml")
        with started(command, folder, surroundings()) as server:
            async with OpsHub(server.url) as opshub:
                opened = await opshub.initialize(str(uuid4()), settings())
                found = await _fuzzed(server.url, folder, opened.session_headers[HEADER], seconds, seed)
                ready = await opshub.ready()
            emptied = await connector("drain", "--close-sessions", folder=folder)
            found += [] if ready.status == 200 else [ready.text]
            found += [] if emptied.exit_code == 0 else [emptied.out + emptied.err]
            return [*found, *(f"{token} lives on" for token in desk.alive), *_defects(server.log)]


async def _fuzzed(url: str, folder: Path, seal: str, seconds: int, seed: int) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json"),
        *(*OPTIONS, f"--max-time={seconds}", f"--seed={seed}"),
        cwd=folder,
        env=surroundings({**HOOKS, SEAL: seal}),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), seconds + TO_END)
    finally:
        if process.returncode is None:
            process.kill()
    return [out.decode()] if process.returncode else []


def _defects(log: Path) -> Iterator[str]:
    for line in log.read_text().splitlines():
        if json.loads(line)["level"] in {"error", "critical"}:
            yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = asyncio.run(faults(Path(folder), wanted.seconds, wanted.seed))
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
