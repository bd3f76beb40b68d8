"""Whatever system call is the server's last, nothing that was answered or recorded is lost."""

from pathlib import Path

from tests.torture.system_calls import killed_at_each_call


async def test_a_kill_at_each_write_flush_and_send_of_a_cleanup_loses_nothing(ptrace: None, tmp_path: Path) -> None:
    kills = await killed_at_each_call(tmp_path)
    assert not [kill for kill in kills if not kill.verdict.clean]
    calls = {kill.call for kill in kills}
    assert {"pwrite64, ledger.sqlite3-wal", "fdatasync, ledger.sqlite3-wal", "pwrite64, cache.sqlite3-wal"} <= calls
    assert any("socket" in call for call in calls)
