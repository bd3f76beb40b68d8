"""The profile that `docs/profiles.md` makes from an empty file, tried as it is shown there, at a stand-in for its end system."""

import re
from itertools import count
from pathlib import Path

from aiohttp import web

from tests.cli.command import Ended, connector
from tests.endsystems.profiled import ProfiledEndSystem

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")
SECTION = PAGE[PAGE.index("## A profile from an empty file") : PAGE.index("## Writing one")]
PROFILE, SETTINGS, CONFIGURATION = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
NUMBERS = re.compile(r":\d+/|\d+ ms")


class Books(ProfiledEndSystem):
    """Answers as Calibre-Web 0.6.27 does: a form whose token belongs to a cookie, and a logout that is always the same."""

    def __init__(self) -> None:
        self.forms: dict[str, str] = {}
        """The token of each form, by the cookie that came with it."""
        self.sessions: set[str] = set()
        self._numbers = count(1)
        application = web.Application()
        application.router.add_get("/login", self.form)
        application.router.add_post("/login", self.log_in)
        application.router.add_get("/logout", self.log_out)
        application.router.add_get("/me", self.me)
        super().__init__(application, Path("calibre-web.toml"))

    async def form(self, request: web.Request) -> web.Response:
        del request
        cookie, token = f"form-{next(self._numbers)}", f"token-{next(self._numbers)}"
        self.forms[cookie] = token
        answer = web.Response(text=f'<input type="hidden" name="csrf_token" value="{token}">', content_type="text/html")
        answer.set_cookie("session", cookie, httponly=True)
        return answer

    async def log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.forms.get(request.cookies.get("session", "")) != form["csrf_token"]:
            return web.Response(status=400)
        if (form["username"], form["password"]) != ("admin", "s3cret-canary"):
            return web.Response(status=401, text="Wrong Username or Password")
        session = f"session-{next(self._numbers)}"
        self.sessions.add(session)
        answer = web.Response(status=302, headers={"Location": "/"})
        answer.set_cookie("session", session, httponly=True)
        return answer

    async def log_out(self, request: web.Request) -> web.Response:
        self.sessions.discard(request.cookies.get("session", ""))
        return web.Response(status=302, headers={"Location": "/login?next=%2F"})

    async def me(self, request: web.Request) -> web.Response:
        is_in = request.cookies.get("session") in self.sessions
        return web.Response(text="Logout") if is_in else web.Response(status=302, headers={"Location": "/login?next=%2Fme"})


async def tried(system: Books, folder: Path, profile: str) -> Ended:
    (folder / "calibre-web.toml").write_text(profile)
    (folder / "settings.toml").write_text(SETTINGS)
    (folder / "config.toml").write_text(CONFIGURATION)
    command = ("profiles", "test", "calibre-web.toml", "--base-url", system.url, "--settings", "settings.toml")
    return await connector(*command, folder=folder, environ={"PASSWORD": "s3cret-canary"})


def shown() -> list[str]:
    """The output of the trial as the page has it, each line whole."""
    block = SECTION[SECTION.index("    login[0]  GET") : SECTION.index("The `warn` is right")]
    return re.sub(r"\n {8,}", " ", block).replace("\n    ", "\n").split("\n")


async def test_the_profile_of_the_page_does_what_is_shown_there(tmp_path: Path) -> None:
    async with Books() as system:
        ended = await tried(system, tmp_path, PROFILE)

        assert (ended.exit_code, ended.err, system.sessions) == (0, "", set())
    lines = [NUMBERS.sub("", line.strip()) for line in shown() if line.strip()]
    assert [NUMBERS.sub("", line) for line in ended.out.splitlines()] == lines
    assert "canary" not in ended.out


async def test_with_the_key_that_the_warning_names_every_promise_holds(tmp_path: Path) -> None:
    async with Books() as system:
        ended = await tried(system, tmp_path, f"{PROFILE}before = true\n")

    promises = [line for line in ended.out.splitlines() if line.startswith(("pass", "warn", "fail"))]
    assert (ended.exit_code, [line.partition("  ")[0] for line in promises]) == (0, ["pass"] * 4)


async def test_the_configuration_of_the_page_serves_the_profile(tmp_path: Path) -> None:
    (tmp_path / "calibre-web.toml").write_text(PROFILE)
    (tmp_path / "config.toml").write_text(CONFIGURATION)
    ended = await connector("check-config", folder=tmp_path)

    assert (ended.exit_code, ended.err) == (0, "")
