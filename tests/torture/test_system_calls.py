"""Whatever system call is the server's last, nothing that was answered or recorded is lost."""

from pathlib import Path

from tests.torture.system_calls import killed_at_each_call


async def test_a_kill_at_each_write_flush_and_send_of_a_cleanup_loses_nothing(ptrace: None, tmp_path: Path) -> None:
    kills = await killed_at_each_call(tmp_path)
    assert not [kill for kill in kills if not kill.verdict.clean]
    assert len(kills) > 20
    assert len({kill.thread for kill in kills}) >= 3  # the event loop's, and one for each of the two files
