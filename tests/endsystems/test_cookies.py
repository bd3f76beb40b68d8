"""Cookies are taken, replaced, deleted and sent back as browsers do it, against real connections."""

from pathlib import Path

import pytest
from yarl import URL

from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.endsystems.http.cookies import Jar
from connector.endsystems.http.response import Response
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutResult
from tests.endsystems.certificates import authority
from tests.endsystems.faulty import Canned, FaultySystem, faulty_system
from tests.endsystems.opened import SESSION, login, opened

BY_NAME = """
description = "Logs in for one cookie"

[[login]]
method = "POST"
url = "{base_url}/app/login"
success = [200]
capture = { session = { cookie = "SID" } }

[credential]
Cookie = "SID={captured.session}"

[[steps]]
method = "POST"
url = "{base_url}/app/logout"
cookies = { SID = "{credential.Cookie|cookie:SID}" }
success = [200]
"""
ALL = """
description = "Logs in for several cookies"

[[login]]
method = "GET"
url = "{base_url}/app/login"
success = [200]
capture = { first = { cookies = "*" } }

[[login]]
method = "POST"
url = "{base_url}/app/login"
headers = { Cookie = "{captured.first}" }
success = [200]
capture = { all = { cookies = %s } }

[credential]
Cookie = "{captured.all}"

[[steps]]
method = "POST"
url = "{base_url}/app/logout"
headers = { Cookie = "{credential.Cookie}" }
success = [200]
"""
# Fixed dates: tests are collected by several processes, which have to find the same names.
PAST = "Fri, 03 Jan 2025 00:00:00 GMT"
FUTURE = "Thu, 03 Jan 2075 00:00:00 GMT"
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


def setting(*cookies: str) -> Canned:
    return Canned(200, headers=[("Set-Cookie", cookie) for cookie in cookies])


async def in_and_out(system: FaultySystem, profile: str, *answers: Canned, **keys: object) -> tuple[LoginOutcome, str]:
    """Log in to answers of a test's making, and out if that worked; returns the outcome and the cookies of the logout."""
    system.answers = [*answers, Canned(200)]
    async with opened(profile, base_url=system.url, **keys) as end_system:
        outcome = await end_system.login(SESSION, {})
        if outcome.result is LoginResult.LOGGED_IN:
            await end_system.logout(SessionLogin(SESSION, None, outcome.credential))
        return outcome, system.received[-1].header("cookie").decode("latin-1")


@pytest.mark.parametrize(
    "value",
    ['"s.37cf52/99fb:node1"', '"a b,c"', "a b", "a,b", '{"i":0}', "a\\b", "a=b==", "x\xe9", "\u65e5\U0001f36a", '"', "*"],
)
async def test_a_cookie_goes_back_as_it_came(value: str) -> None:
    async with faulty_system() as system:
        outcome, sent = await in_and_out(system, BY_NAME, setting(f"SID={value}; Version=1; Path=/"))
    assert (outcome.result, sent.encode("latin-1").decode()) == (LoginResult.LOGGED_IN, f"SID={value}")


async def test_a_cookie_in_another_script_does_not_keep_the_others_from_being_sent() -> None:
    async with faulty_system() as system:
        outcome, sent = await in_and_out(system, ALL % '"*"', setting("SID=1"), setting("lang=\u65e5\u672c"))
    assert (outcome.result, sent.encode("latin-1").decode()) == (LoginResult.LOGGED_IN, "SID=1; lang=\u65e5\u672c")


@pytest.mark.parametrize(
    "cookies",
    [
        ["SID=; Max-Age=0", "SID=real"],
        ["SID=anonymous", "SID=real; HttpOnly"],
        ["SID=x; Path=/app/other", "SID=real; Path=/"],
        ["SID=real; Path=/", "SID=x; Path=/app/other"],
        ["SID=x; Path=/", "SID=real; Path=/app", "SID=x; Path=/ap"],
        ["SID=real; Path=/app/", "SID=x; Path=/application"],
        ["SID=real", "SID=x; Path=/"],
        ["SID=real; Path=/", "SID=x; Path=/app; Expires=" + EPOCH],
        ["SID=x; Max-Age=60", f"SID=real; Expires={PAST}; Max-Age=60"],
        [f"SID=real; expires={FUTURE}; max-age=soon; path=relative"],
        ["SID=real;Secure", "sid=x", "=SID", "SID", "; SID=x", "SIDE=x"],
        ["SID=real ; Expires=Fri, 99 Foo 2099 00:00:00 GMT"],
    ],
)
async def test_of_one_name_the_cookie_counts_that_a_browser_would_send(cookies: list[str]) -> None:
    async with faulty_system() as system:
        _, sent = await in_and_out(system, BY_NAME, setting(*cookies))
    assert sent == "SID=real"


@pytest.mark.parametrize(
    "deleted",
    [
        "SID=x; Max-Age=0",
        "SID=x; Max-Age=-1",
        f"SID=x; Expires={PAST}",
        f"SID=x; Expires={EPOCH}",
        "SID=x; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "SID=x; Expires=Thursday, 01-Jan-70 00:00:10 GMT",
        f"SID=x; Expires={FUTURE}; Max-Age=0",
        "SID=",
    ],
)
async def test_a_cookie_that_is_deleted_is_not_there(deleted: str) -> None:
    async with faulty_system() as system:
        for cookies in ([deleted], ["SID=real", deleted]):
            outcome, _ = await in_and_out(system, BY_NAME, setting(*cookies))
            assert (outcome.result, outcome.code) == (LoginResult.REFUSED, "capture_missing")


@pytest.mark.parametrize(
    ("patterns", "sent"),
    [
        ('"*"', 'RT_SID_a.8080=new; lang=en; node="n 1"'),
        ('"RT_SID_*"', "RT_SID_a.8080=new"),
        ('["lang", "node", "none"]', 'lang=en; node="n 1"'),
    ],
)
async def test_cookies_by_pattern_are_those_that_all_answers_leave(patterns: str, sent: str) -> None:
    first = setting("RT_SID_a.8080=old; Path=/", "lang=en", "gone=1", "elsewhere=1; Path=/other")
    second = setting('node="n 1"', f"gone=; Expires={EPOCH}", "RT_SID_a.8080=new; Path=/")
    async with faulty_system() as system:
        _, received = await in_and_out(system, ALL % patterns, first, second)
        assert system.received[1].header("cookie") == b"RT_SID_a.8080=old; lang=en; gone=1"
    assert received == sent


async def test_a_logout_may_take_one_cookie_out_of_all_that_the_login_has_left() -> None:
    form = 'form = { token = "{credential.Cookie|cookie:csrf}", some = "{credential.Cookie|cookies:c*,none}" }\nsuccess'
    async with faulty_system() as system:
        profile = form.join((ALL % '"*"').rsplit("success", 1))
        outcome, _ = await in_and_out(system, profile, setting("SID=1"), setting("csrf=2"))
        assert (outcome.result, system.received[-1].body) == (LoginResult.LOGGED_IN, b"token=2&some=csrf%3D2")


async def test_a_secure_cookie_never_goes_to_an_address_in_clear(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with faulty_system(trusted.server()) as system, faulty_system() as clear:
        mixed = BY_NAME.replace("{base_url}/app/logout", f"{clear.url}/app/logout")
        keys = {"ca_file": trusted.file, "allowed_urls": [system.url, clear.url]}
        outcome, _ = await in_and_out(system, mixed, setting("SID=s3cret; Secure"), **keys)
        assert (outcome.result, outcome.code, clear.received) == (LoginResult.REFUSED, "capture_missing", [])
        _, sent = await in_and_out(system, BY_NAME, setting("SID=s3cret; Secure"), ca_file=trusted.file)
        assert sent == "SID=s3cret"


async def test_a_cookie_of_another_host_stays_there() -> None:
    async with faulty_system() as system:
        elsewhere = system.url.replace("127.0.0.1", "localhost")
        profile = (ALL % '"*"').replace("{base_url}", elsewhere, 1)
        ticket = setting("SID=theirs; Path=/", "IDP=s3cret; Path=/")
        keys = {"allowed_urls": [system.url, elsewhere]}
        outcome, _ = await in_and_out(system, profile, ticket, setting("SID=ours"), **keys)
        assert (outcome.code, len(system.received)) == ("capture_missing", 1)
        profile = profile.replace("{captured.first}", "a=1").replace('capture = { first = { cookies = "*" } }\n', "", 1)
        _, sent = await in_and_out(system, profile, ticket, setting("SID=ours"), **keys)
    assert sent == "SID=ours"


@pytest.mark.parametrize(
    ("domain", "goes_to"),
    [
        ("", ["login.example.com"]),
        ("example.com", ["login.example.com", "pod3.Example.com", "example.com"]),
        (".Example.com", ["login.example.com", "pod3.Example.com", "example.com"]),
        ("login.example.com", ["login.example.com"]),
        ("internal", ["login.example.com"]),
        ("ample.com", ["login.example.com"]),
    ],
)
def test_a_cookie_goes_to_the_hosts_of_its_domain(domain: str, goes_to: list[str]) -> None:
    lines = [("Set-Cookie", f"SID=1; Path=/; Domain={domain}")]
    (cookie,) = Jar.of([Response(200, lines, b"", url=URL("https://login.example.com/in"))]).cookies
    hosts = ["login.example.com", "pod3.Example.com", "example.com", "notexample.com", "evil.org", "internal", "ample.com"]
    assert [host for host in hosts if cookie.goes_to(URL(f"https://{host}/a"))] == goes_to


def test_a_cookie_of_an_address_goes_to_no_other_address() -> None:
    (cookie,) = Jar.of([Response(200, [("Set-Cookie", "a=1; Domain=0.0.1")], b"", url=URL("http://127.0.0.1/"))]).cookies
    assert [cookie.goes_to(URL(f"http://{host}/")) for host in ("127.0.0.1", "128.0.0.1")] == [True, False]


@pytest.mark.parametrize(
    ("status", "cookie", "left"),
    [
        (200, "SID=next; Path=/app", "SID=next"),
        (200, "SID=next; Path=/other", "SID=real"),
        (200, "OTHER=1; Path=/app", "SID=real"),
        (200, "SID=; Path=/app; Max-Age=0", "SID=real"),
        (200, "SID=\x01; Path=/app", "SID=real"),
        (401, "SID=anonymous; Path=/app", "SID=real"),
        (503, "SID=anonymous; Path=/app", "SID=real"),
    ],
)
async def test_only_a_probe_that_finds_the_login_alive_renews_its_cookie(status: int, cookie: str, left: str) -> None:
    probe = '[verify]\nmethod = "GET"\nurl = "{base_url}/me"\nheaders = { Cookie = "{credential.Cookie}" }\n'
    async with faulty_system() as system:
        system.answers = [setting("SID=real"), Canned(status, headers=[("Set-Cookie", cookie)])]
        async with opened(f"{BY_NAME}{probe}dead = [401]\nalive = [200]\n", base_url=system.url) as end_system:
            outcome = await end_system.login(SESSION, {})
    assert outcome.credential["Cookie"] == left


async def test_single_cookies_beside_a_whole_header_replace_those_of_their_name() -> None:
    profile = (
        BY_NAME[BY_NAME.index("[[steps]]") :]
        .replace("[[steps]]", 'description = "x"\n[[steps]]')
        .replace("cookies =", 'headers = { Cookie = "{credential.Cookie}" }\ncookies =')
    )
    async with faulty_system() as system, opened(profile.replace("|cookie:SID", "|cookie:B"), base_url=system.url) as end_system:
        system.answers = [Canned(200)]
        outcome = await end_system.logout(login(Cookie='A="1"; SID=old; B=2'))
        assert (outcome.result, system.received[0].header("cookie")) == (LogoutResult.ACKNOWLEDGED, b'A="1"; B=2; SID=2')


def test_cookie_headers_that_a_proxy_has_split_are_one_again() -> None:
    split = Credential([("Cookie", "a=1"), ("X-Token", "t"), ("cookie", "b=2"), ("X-Token", "u"), ("COOKIE", "c=3")])
    assert dict(split) == {"cookie": "a=1; b=2; c=3", "x-token": "t"}


@pytest.mark.parametrize("line", ["SID=" + "; " * 30_000, "a" * 60_000, "=" * 60_000, "SID=x; Expires=" + "1 " * 30_000])
def test_a_cookie_that_is_hard_to_read_is_no_fault(line: str) -> None:
    assert Jar.of([Response(200, [("Set-Cookie", line)], b"")]).value("SID") in {None, "", "x"}
