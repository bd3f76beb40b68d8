"""The author's own part of a cleanup."""

import asyncio
from pathlib import Path

import pytest

from connector.cleanups.hooks import Hooks
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import GLOBAL, SYSTEM, opened


async def test_hooks_run_for_the_session_and_for_its_system_only_where_that_is_cleaned_too(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    hooks, called = Hooks(), list[tuple[str | None, ...]]()

    @hooks.on_session_cleanup
    async def drop_files(session_id: str, system_id: str | None) -> None:
        called.append((session_id, system_id))

    @hooks.on_system_cleanup
    async def drop_tables(system_id: str) -> None:
        called.append((system_id,))

    async with served(tmp_path, desk.section, hooks=hooks) as server:
        headers = await opened(server, session)
        one = await server.opshub.cleanup(session, headers, SYSTEM)
        both = await server.opshub.cleanup(session, headers, GLOBAL)

    assert [*one.body["hooks"]] == ["drop_files"]
    assert {name: step["outcome"] for name, step in both.body["hooks"].items()} == {"drop_files": "done", "drop_tables": "done"}
    assert sorted(called, key=str) == sorted([(session, "A"), (session, "A"), ("A",)], key=str)


async def test_a_hook_that_fails_or_is_late_is_reported_in_a_200_and_stops_nothing(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    hooks = Hooks()

    @hooks.on_session_cleanup
    async def breaks(session_id: str, system_id: str | None) -> None:
        raise RuntimeError(session_id)

    @hooks.on_session_cleanup
    async def hangs(session_id: str, system_id: str | None) -> None:
        await asyncio.Event().wait()

    config = f"{desk.section}[server.deadlines]\nhooks = 0.05\n"
    async with served(tmp_path, config, hooks=hooks) as server:
        answer = await server.opshub.cleanup(session, await opened(server, session), SYSTEM)

    assert answer.status == 200
    assert {name: step["outcome"] for name, step in answer.body["hooks"].items()} == {"breaks": "failed", "hangs": "timed_out"}
    assert answer.body["logout"]["outcome"] == "acknowledged"
    assert {step["outcome"] for step in answer.body["eviction"].values()} == {"evicted"}


async def test_hooks_run_at_the_same_time_as_the_logout(desk: Desk, session: str, tmp_path: Path) -> None:
    hooks = Hooks()

    @hooks.on_session_cleanup
    async def waits_for_the_logout(session_id: str, system_id: str | None) -> None:
        await desk.ended.get()

    async with served(tmp_path, desk.section, hooks=hooks) as server:
        answer = await server.opshub.cleanup(session, await opened(server, session), SYSTEM)

    assert answer.body["hooks"]["waits_for_the_logout"]["outcome"] == "done"


def test_two_hooks_of_one_name_are_refused() -> None:
    hooks = Hooks()

    @hooks.on_session_cleanup
    async def drop(session_id: str, system_id: str | None) -> None: ...

    async def drop_system(system_id: str) -> None: ...

    drop_system.__name__ = "drop"
    with pytest.raises(ValueError, match="drop"):
        hooks.on_system_cleanup(drop_system)
