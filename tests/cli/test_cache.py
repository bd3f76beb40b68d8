"""`connector cache`: what is cached is shown and evicted, on the running server."""

import asyncio
import re
from pathlib import Path

import pytest

from connector.admin.phrases import size
from tests.cli.command import connector
from tests.cli.terminal import at_a_terminal
from tests.control.administered import CONFIG, Administered
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import connector_process
from tests.servers import redis_server

STYLE = re.compile(r"\x1b\[[0-9;]*m")


async def test_a_script_gets_a_line_for_each_store_and_then_for_each_system(server: Administered) -> None:
    await server.open(1)

    ended = await connector("cache", "show", folder=server.folder)

    assert (ended.exit_code, ended.err) == (0, "")
    assert ended.out == "memory\tup\t0\t0 B\t0\t0\t0\nmemory\tA\t0\t0 B\n"


async def test_a_person_at_80_columns_sees_whole_words(server: Administered) -> None:
    long = "the-integration-of-the-whole-company-with-everything-that-it-has-ever-bought"
    await server.open(1, system_id=long)

    exit_code, shown = await at_a_terminal("cache", "show", folder=server.folder, columns=80)

    lines = [line.rstrip() for line in STYLE.sub("", shown).splitlines()]
    assert exit_code == 0
    assert max(map(len, lines)) <= 80
    for word in ("store", "state", "entries", "garbage", "misses", "system"):
        assert re.search(rf"\b{word}\b", "\n".join(lines))


async def test_where_no_session_is_open_it_is_said_and_a_system_may_be_named(server: Administered) -> None:
    unnamed = await connector("cache", "show", folder=server.folder)
    named = await connector("cache", "show", "--system", "B", "--json", folder=server.folder)

    assert (unnamed.exit_code, unnamed.err) == (0, "no session of a system is open; --system names one\n")
    assert [system["system"] for system in named.json["systems"]] == ["B"]


async def test_a_dry_run_shows_what_would_go_and_leaves_no_line(server: Administered) -> None:
    ended = await connector("cache", "evict", "--system", "A", "--dry-run", folder=server.folder)

    assert (ended.exit_code, ended.out.splitlines()[-1]) == (0, "memory\tA\t0\t0 B")
    assert ended.err == "nothing was evicted: this is what is there\n"
    assert await server.ledger.audit_entries() == []


async def test_a_system_is_evicted_and_each_store_is_told(server: Administered) -> None:
    ended = await connector("cache", "evict", "--system", "A", folder=server.folder)
    as_json = await connector("cache", "evict", "--system", "A", "--json", folder=server.folder)

    assert (ended.exit_code, ended.out, ended.err) == (0, "memory\tevicted\n", "")
    assert as_json.json["evictions"] == {"memory": "evicted"}
    assert [entry.target for entry in await server.ledger.audit_entries()] == ["system A"] * 2


@pytest.mark.parametrize("arguments", [("show",), ("evict", "--system", "A")], ids=str)
async def test_where_no_server_runs_the_command_ends_with_69(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    assert (await connector("cache", *arguments, folder=tmp_path)).exit_code == 69


async def test_an_eviction_from_a_store_that_is_away_ends_with_75_and_is_done_later(tmp_path: Path) -> None:
    with redis_server() as redis:
        store = f'driver = "aiocache"\nbackend = "redis"\nport = {redis.port}\nnamespace = "{fresh_namespace()}"\n'
        await connector("keys", "add", folder=tmp_path)
        with connector_process(tmp_path, f'[storage]\ndrivers = ["memory", "far"]\n[storage.far]\n{store}'):
            await asyncio.to_thread(redis.kill)
            ended = await connector("cache", "evict", "--system", "A", folder=tmp_path)
            owed = await connector("owed", "list", "--json", folder=tmp_path)
            await asyncio.to_thread(redis.start)
            async with asyncio.timeout(20):
                while (await connector("owed", "list", "--json", folder=tmp_path)).json:
                    pass

    assert (ended.exit_code, ended.out.splitlines()[0]) == (75, "memory\tevicted")
    assert "owed: the eviction from far is recorded, and done once it can be" in ended.err
    assert [(row["system"], row["owed_evictions"]) for row in owed.json] == [("A", {"far": 2})]


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (1_234_567, "1.2 MB"), (10**13, "10000.0 GB")]
)
def test_sizes_are_told_in_units(number: int, words: str) -> None:
    assert size(number) == words
