"""The machine that the figures were measured on."""

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    *("aiocache", "aiohttp", "aiosqlite", "cashews", "diskcache", "fastapi", "fastapi-cache2", "litestar", "redis", "uvicorn"),
    "uvloop",
)


def machine() -> dict[str, object]:
    """Return cores, processor, system and versions."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"sqlite": sqlite3.sqlite_version, "redis-server": _redis(), **{name: version(name) for name in PACKAGES}},
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _redis() -> str:
    binary = shutil.which("redis-server")
    if binary is None:
        return ""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return said.partition("v=")[2].partition(" ")[0]
