"""What a server leaves on the disk."""

import stat
from pathlib import Path

from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.surroundings import WITHOUT_UMASK


async def test_whatever_the_umask_nobody_else_sees_what_a_server_keeps(session: str, tmp_path: Path) -> None:
    stores = '[storage.sqlite]\npath = "var/cache/of/entries.sqlite3"\n[control]\nsocket = "var/run/control.sock"\n'
    with connector_process(tmp_path, stores, launcher=WITHOUT_UMASK) as server:
        async with OpsHub(server.url) as opshub:
            await opshub.initialize(session, [])
        made = [tmp_path / "var", *(tmp_path / "var").rglob("*")]
        modes = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in made}
        folders = {path.relative_to(tmp_path).as_posix() for path in made if path.is_dir()}

    assert {"var", "var/cache", "var/cache/of", "var/keys", "var/run"} <= folders
    assert {name: oct(mode) for name, mode in modes.items()} == {name: oct(0o700 if name in folders else 0o600) for name in modes}
