"""Who gets into the console, for how long, and who does not."""

from pathlib import Path

import pytest

from connector.cli.control_client import Refused
from connector.config.settings import ConsoleSection, LogsSection, ServerSection
from connector.console.entrances import CODE_LASTS, LOGIN_LASTS, MOST, Entrances
from connector.console.visitors import SHOWN_BY_PROXY
from tests.api.log import logged
from tests.console.visitor import Visitor, link_of, visitor_of
from tests.control.administered import CONSOLE_TOKEN, Administered, administered

HEADER = "X-Remote-User"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_link_lets_in_once(server: Administered) -> None:
    link = await link_of(server)

    async with visitor_of(server, enters=False) as first, visitor_of(server, enters=False) as second:
        assert (await first.enter(link.fragment)).words.count("Open sessions") == 1
        refused = await second.enter(link.fragment)

    assert (refused.status, refused.path) == (403, "/login")
    assert "used before" in refused.words


def test_a_code_is_too_old_after_two_minutes() -> None:
    clock = Clock()
    entrances = Entrances(None, clock)
    code, other = entrances.new_code("ann"), entrances.new_code("ann")

    clock.now = CODE_LASTS - 1
    assert entrances.user_by(code) == "ann"
    clock.now = CODE_LASTS
    assert entrances.user_by(other) is None


def test_a_login_ends_after_eight_hours() -> None:
    clock = Clock()
    entrances = Entrances(None, clock)
    login = entrances.let_in("ann")

    clock.now = LOGIN_LASTS - 1
    assert entrances.login_at(login.place, login.cookie) is login
    clock.now = LOGIN_LASTS
    assert entrances.login_at(login.place, login.cookie) is None
    assert not entrances.is_in(login)


def test_the_cookie_of_one_login_opens_no_other() -> None:
    entrances = Entrances(None)
    ann, ben = entrances.let_in("ann"), entrances.let_in("ben")

    assert entrances.login_at(ann.place, ben.cookie) is None


def test_codes_and_logins_take_a_bounded_room() -> None:
    entrances = Entrances(None)
    first, *_, last = [entrances.new_code("ann") for _ in range(MOST + 1)]
    oldest, *_, newest = [entrances.let_in("ann") for _ in range(MOST + 1)]

    assert (entrances.user_by(first), entrances.user_by(last)) == (None, "ann")
    assert (entrances.is_in(oldest), entrances.is_in(newest)) == (False, True)


def test_somebody_whom_a_proxy_names_cannot_crowd_others_out() -> None:
    entrances = Entrances(None)
    ann = entrances.let_in("ann", by_proxy=True)

    assert {entrances.let_in("ben", by_proxy=True).place for _ in range(MOST + 1)} == {
        entrances.let_in("ben", by_proxy=True).place
    }
    assert entrances.is_in(ann)


async def test_nothing_is_shown_without_a_login(server: Administered) -> None:
    await server.open(1)
    async with visitor_of(server) as inside, visitor_of(server, enters=False) as outside:
        for path in ("/", "/sessions", "/owed", "/state", "/events"):
            seen = await outside.ask("GET", inside.base + path)
            asked_by_script = await outside.ask("GET", inside.base + path, headers={"HX-Request": "true"})

            assert (seen.path, "Code or token" in seen.words) == ("/", True)
            assert asked_by_script.status == 401
            assert "6f1c1d2e" not in seen.text + asked_by_script.text


async def test_whoever_logs_out_is_out_although_he_keeps_his_cookie(visitor: Visitor) -> None:
    cookies = [cookie.OutputString() for cookie in visitor.http.cookie_jar]
    page = await visitor.get("/")

    left = await visitor.post("/logout", page.form("/logout"))
    again = await visitor.get("/", Cookie=cookies[0].partition(";")[0], HX_Request="true")

    assert (left.status, left.path) == (200, "/")
    assert again.status == 401


async def test_the_cookie_is_for_its_place_alone_and_no_script_reads_it(server: Administered) -> None:
    async with visitor_of(server) as visitor:
        (cookie,) = visitor.http.cookie_jar

    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (f"{visitor.base}/", True, "Strict")


async def test_a_console_that_is_switched_off_gives_no_link(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        with pytest.raises(Refused, match=r"switched off: set console\.enabled"):
            await link_of(server)


async def test_the_token_lets_in_again_and_again_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    console = ConsoleSection(enabled=True, port=0, token_env="CONSOLE_TOKEN")
    async with administered(tmp_path, console) as server, visitor_of(server, enters=False) as visitor:
        for _ in range(2):
            assert (await visitor.enter(CONSOLE_TOKEN)).status == 200
        for wrong in ("", CONSOLE_TOKEN[:-1], f"{CONSOLE_TOKEN}f"):
            assert (await visitor.enter(wrong)).status == 403


async def test_no_code_token_or_cookie_is_in_the_log(tmp_path: Path) -> None:
    with logged(LogsSection(format="json", level="debug")) as log:
        async with administered(tmp_path, ConsoleSection(enabled=True, port=0, token_env="CONSOLE_TOKEN")) as server:
            link = await link_of(server)
            async with visitor_of(server, enters=False) as visitor:
                await visitor.enter(link.fragment)
                place, (cookie,) = visitor.base, visitor.http.cookie_jar
                await visitor.enter(CONSOLE_TOKEN)
                await visitor.enter("wrong-guess")

    assert "logged in to the console" in log.text
    assert "logins to the console were refused" in log.text
    for secret in (link.fragment, CONSOLE_TOKEN, cookie.value, place.removeprefix("/s/"), "wrong-guess"):
        assert secret not in log.text


def behind_a_proxy(*proxies: str) -> tuple[ConsoleSection, ServerSection]:
    console = ConsoleSection(enabled=True, port=0, trusted_user_header=HEADER, token_env="CONSOLE_TOKEN")
    return console, ServerSection(trusted_proxies=[*proxies])


SHOWN = {SHOWN_BY_PROXY: CONSOLE_TOKEN}
"""By which a proxy is known."""


async def test_a_local_user_who_connects_as_the_proxy_does_names_nobody(tmp_path: Path) -> None:
    async with administered(tmp_path, *behind_a_proxy("127.0.0.1")) as server, visitor_of(server, enters=False) as visitor:
        for shown in ({}, {SHOWN_BY_PROXY: ""}, {SHOWN_BY_PROXY: CONSOLE_TOKEN[:-1]}):
            visitor.headers = {HEADER: "ann", **shown}
            for path in ("/", "/api/status"):
                seen = await visitor.get(path)
                assert (seen.status, "not hold the console" in seen.words) == (403, True)


async def test_somebody_beside_the_proxy_still_gets_in_by_a_link_and_a_script_by_the_token(tmp_path: Path) -> None:
    async with administered(tmp_path, *behind_a_proxy("127.0.0.1")) as server, visitor_of(server) as visitor:
        assert (await visitor.get("/")).status == 200
        visitor.base = ""
        assert (await visitor.get("/api/status", Authorization=f"Bearer {CONSOLE_TOKEN}")).status == 200


async def test_without_a_token_no_user_of_this_machine_is_believed(tmp_path: Path) -> None:
    console = ConsoleSection(enabled=True, port=0, trusted_user_header=HEADER)
    server_section = ServerSection(trusted_proxies=["127.0.0.0/8"])
    async with administered(tmp_path, console, server_section) as server, visitor_of(server, enters=False) as visitor:
        visitor.headers[HEADER] = "ann"

        assert (await visitor.get("/")).status == 403


async def test_whom_a_trusted_proxy_names_is_in(tmp_path: Path) -> None:
    async with administered(tmp_path, *behind_a_proxy("127.0.0.1")) as server, visitor_of(server, enters=False) as visitor:
        visitor.headers = {HEADER: "ann", **SHOWN}
        seen = await visitor.get("/")

    assert (seen.path.startswith("/s/"), "ann Log out" in seen.words) == (True, True)


async def test_whom_an_untrusted_machine_names_is_not_in(tmp_path: Path) -> None:
    async with administered(tmp_path, *behind_a_proxy("192.0.2.7")) as server, visitor_of(server, enters=False) as visitor:
        visitor.headers[HEADER] = "ann"
        seen = await visitor.get("/")

    assert (seen.path, "Code or token" in seen.words) == ("/", True)


async def test_a_login_by_a_proxy_is_worth_nothing_without_it_and_for_another_user(tmp_path: Path) -> None:
    async with administered(tmp_path, *behind_a_proxy("127.0.0.1")) as server, visitor_of(server, enters=False) as visitor:
        visitor.headers = {HEADER: "ann", **SHOWN}
        visitor.base = (await visitor.get("/")).path.rstrip("/")
        del visitor.headers[HEADER]

        assert (await visitor.get("/", HX_Request="true")).status == 403
        assert (await visitor.get("/", HX_Request="true", X_Remote_User="ben")).status == 401
        assert (await visitor.get("/", HX_Request="true", X_Remote_User="ann")).status == 200


@pytest.mark.parametrize("names", [["ann", "ben"], [""], ["a\tb"], ["x" * 201]], ids=["two", "empty", "tab", "long"])
async def test_a_proxy_that_does_not_name_exactly_one_user_lets_nobody_in(tmp_path: Path, names: list[str]) -> None:
    async with administered(tmp_path, *behind_a_proxy("127.0.0.1")) as server, visitor_of(server, enters=False) as visitor:
        url = visitor.url.with_path("/").with_fragment(None)
        async with visitor.http.get(url, headers=[*SHOWN.items(), *((HEADER, name) for name in names)]) as answer:
            assert answer.status == 403
