"""A real issue tracker, PyPI's `roundup`, whose logins are cookies."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from yarl import URL

from tests.endsystems.real_login import Login, RealEndSystem, browser
from tests.endsystems.real_process import serving

PASSWORD = "only-for-tests"
COOKIE = "roundup_session_Roundupissuetracker"


class Roundup(RealEndSystem):
    """A running tracker. The login is a cookie, made with the form of the tracker's own page."""

    profile = Path(__file__).with_suffix(".toml")
    outcome = "verified"

    async def log_in(self) -> Login:
        form = {"@action": "login", "__login_name": "admin", "__login_password": PASSWORD}
        page = {"Origin": self.root, "Referer": f"{self.root}/"}
        async with browser(self.root) as http, http.post("/", data=form, headers=page, raise_for_status=True):
            cookie = http.cookie_jar.filter_cookies(URL(self.root))[COOKIE].value
        return Login({"Cookie": f"{COOKIE}={cookie}"}, f"{self.root}/rest/data/user/1")


class RoundupAskingFirst(Roundup):
    """The same tracker, with a profile that finds out whether the login is gone already."""

    profile = Path(__file__).with_name("real_roundup_asking_first.toml")


@contextmanager
def roundup() -> Iterator[Roundup]:
    """Run a tracker of one's own, with a new database."""
    server = (sys.executable, "-m", "tests.endsystems.real_roundup_server")
    with TemporaryDirectory() as folder, serving(*server, PASSWORD, folder) as base_url:
        yield Roundup(base_url)
