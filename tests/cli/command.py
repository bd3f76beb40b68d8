"""The command `connector` as a person or a script runs it: a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITHIN = 30.0
"""Seconds that a command may take on a busy machine."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def surroundings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without the connector's variables, and with `environ`."""
    ours = {name: value for name, value in os.environ.items() if not name.upper().startswith("CONNECTOR")}
    return ours | {"PYTHONPATH": str(Path(__file__).parents[2])} | dict(environ or {})


async def connector(*arguments: str | Path, folder: Path, environ: Mapping[str, str] | None = None) -> Ended:
    """Run `connector` with its arguments in a folder, where nobody is there to ask, until it has ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", *arguments),
        cwd=folder,
        env=surroundings(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return Ended(process.returncode or 0, out.decode(), err.decode())
