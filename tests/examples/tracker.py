"""A real tracker, seen from behind: what it was asked, who is logged in to it, and changes that its connector is not told of."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tests.endsystems.real_login import browser
from tests.endsystems.real_process import serving
from tests.endsystems.real_roundup import PASSWORD, Roundup
from tests.endsystems.real_roundup_server import REQUESTS


@dataclass(frozen=True, slots=True)
class Tracker:
    """A running tracker and the folder that it is kept in."""

    url: str
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """What an administrator sets for it in OpsHub."""
        return {"url": self.url, "user": "admin", "password": PASSWORD}

    def loads(self, kind: str) -> int:
        """Count how often all items of a kind were asked for."""
        return (self.folder / REQUESTS).read_text().count(f"GET /rest/data/{kind}?")

    def logins(self, user: str = "admin") -> int:
        """Count the sessions that a user has open."""
        with closing(sqlite3.connect(self.folder / "db" / "db-session")) as sessions:
            counted: int = sessions.execute(
                "SELECT count(*) FROM sessions WHERE session_value LIKE ?", [f"%'{user}'%"]
            ).fetchone()[0]
            return counted

    def end_all_logins(self) -> None:
        """End them, as its administrator may."""
        with closing(sqlite3.connect(self.folder / "db" / "db-session", timeout=30)) as sessions, sessions:
            sessions.execute("DELETE FROM sessions")

    async def add(self, kind: str, **properties: str) -> None:
        """Add an item, as a person does who works with the tracker: with a login of his own, that ends."""
        login = await Roundup(self.url).log_in()
        page = {"Origin": self.url, "Referer": f"{self.url}/", "X-Requested-With": "test"}
        headers = {**login.headers, **page}
        async with browser(self.url) as http:
            async with http.post(f"/rest/data/{kind}", json=properties, headers=headers, raise_for_status=True):
                pass
            async with http.post("/", data={"@action": "logout"}, headers=headers, raise_for_status=True):
                pass


@contextmanager
def tracker() -> Iterator[Tracker]:
    """Run a tracker with a new database."""
    server = (sys.executable, "-m", "tests.endsystems.real_roundup_server")
    with TemporaryDirectory() as folder, serving(*server, PASSWORD, folder) as url:
        urlopen(url).close()  # only then it makes the table of its sessions
        yield Tracker(url, Path(folder))
