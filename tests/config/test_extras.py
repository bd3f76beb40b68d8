"""An installation without the libraries of Redis, memcached, PostgreSQL and OpenTelemetry."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.cli.command import WITHIN, surroundings

WITHOUT = (
    "import sys; sys.modules |= dict.fromkeys(['redis', 'aiomcache', 'psycopg', 'opentelemetry']); "
    "from connector.cli.main import main; main()"
)


async def check_config(folder: Path, config: str = "") -> tuple[int, str]:
    """Run `connector check-config` where none of the libraries can be imported."""
    (folder / "config.toml").write_text(config)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITHOUT, "check-config"),
        cwd=folder,
        env=surroundings({"CONNECTOR_LEDGER_KEYS": f"a:{'k' * 42}A"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN):
        shown, problems = await process.communicate()
    return process.returncode or 0, f"{shown.decode()}{problems.decode()}"


async def test_the_core_does_without_the_libraries_of_every_extra(tmp_path: Path) -> None:
    assert (await check_config(tmp_path))[0] == 0
    in_memory = '[storage]\ndrivers = ["cache"]\n[storage.cache]\ndriver = "aiocache"\nbackend = "memory"\n'
    assert (await check_config(tmp_path, in_memory))[0] == 0


@pytest.mark.parametrize(("backend", "package"), [("redis", "redis"), ("memcached", "aiomcache")])
async def test_a_store_whose_library_is_missing_is_refused_with_the_extra_to_install(
    tmp_path: Path, backend: str, package: str
) -> None:
    config = f'[storage]\ndrivers = ["shared"]\n[storage.shared]\ndriver = "aiocache"\nbackend = "{backend}"\n'
    exit_code, told = await check_config(tmp_path, config)

    assert exit_code == 78
    assert f"needs the package {package}, which is not installed: pip install 'opshub-connector-session[{backend}]'" in told


async def test_a_ledger_whose_library_is_missing_is_refused_with_the_extra_to_install(tmp_path: Path) -> None:
    exit_code, told = await check_config(tmp_path, '[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n')

    assert exit_code == 78
    assert (
        "ledger.store: needs the package psycopg, which is not installed: pip install 'opshub-connector-session[postgres]'"
        in told
    )


async def test_traces_whose_library_is_missing_are_refused_with_the_extra_to_install(tmp_path: Path) -> None:
    exit_code, told = await check_config(tmp_path, '[traces]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n')

    assert exit_code == 78
    assert (
        "traces.endpoint: needs the packages of OpenTelemetry, which are not installed: "
        "pip install 'opshub-connector-session[otel]'" in told
    )
