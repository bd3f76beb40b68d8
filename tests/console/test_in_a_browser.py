"""The console in a real browser: every action, two windows at once, a restart under the page, and no mouse."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from yarl import URL

from connector.config.settings import ConsoleSection
from connector.telemetry.last_day import KEPT
from tests.console.chromium import Chromium, Window
from tests.console.inhabited import busy_day
from tests.console.visitor import link_of
from tests.control.administered import WITHIN, Administered, administered
from tests.ports import free_port

CLOSE = 'a.button:has-text("Close …")'
DIALOG = "dialog[open]"
WRITTEN = """(() => {
    const written = [];
    const write = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
        const half = this.measureText(text).width / 2;
        const chart = [...document.querySelectorAll(".chart canvas")].indexOf(this.canvas);
        const moved = this.getTransform();
        if (text.includes(":")) written.push({ text, chart, from: x + moved.e - half, to: x + moved.e + half });
        return write.call(this, text, x, y, ...more);
    };
    window.times = () => written;
    window.dispatchEvent(new Event("resize"));
})()"""
"""Draws the charts anew, and notes where which time is written below them."""
NOT_WIDER = "document.documentElement.scrollWidth <= innerWidth"


async def at(window: Window, path: str) -> None:
    """Follow an entry of the menu, and wait until the page works: before that, its links lead to pages of their own."""
    await window.click(f'nav a:has-text("{path}")')
    await window.see(path, "nav a[aria-current=page]")
    await window.see("open", "#state a")


async def test_a_link_lets_a_browser_in_and_its_code_stays_nowhere(browser: Chromium, server: Administered) -> None:
    link = await link_of(server)
    async with browser.window() as window:
        await window.goto(link)
        await window.see("Open sessions")
        addresses = [await window.does("url"), *await window.does("asked")]

    assert [address for address in addresses if link.fragment in address.partition("#")[0]] == []
    assert URL(addresses[0]).path.startswith("/s/")


async def test_a_link_that_was_used_before_is_refused_and_says_why(browser: Chromium, server: Administered) -> None:
    link = await link_of(server)
    async with browser.window() as first, browser.window() as second:
        await first.goto(link)
        await first.see("Open sessions")
        await second.goto(link)
        await second.see("This code does not work: it was used before", "[role=alert]")


async def test_a_session_is_closed_after_a_question_and_leaves_the_list(window: Window, server: Administered) -> None:
    opened = await server.open(1)
    await at(window, "Sessions")

    await window.click(CLOSE)
    await window.see("Close this session?", DIALOG)
    assert await window.focused() == "dialog-title"
    await window.click(f'{DIALOG} a:has-text("Cancel")')
    await window.until("!document.getElementById('dialog').open")
    assert server.live.login_of(opened.session_id) == "login 1"

    await window.click(CLOSE)
    await window.click(f'{DIALOG} button:has-text("Close the session")')
    await window.see("The session is closed", DIALOG)
    await window.see("acknowledged", DIALOG)
    await window.click(f'{DIALOG} a:has-text("Back to the list")')
    await window.see("There is no such session", "#rows")


async def test_an_unknown_login_is_dismissed(window: Window, server: Administered) -> None:
    await server.begin(1, unanswered=True)
    await at(window, "Sessions")

    await window.click('a.button:has-text("Dismiss …")')
    await window.click(f'{DIALOG} button:has-text("Dismiss the login")')

    await window.see("The login is dismissed", DIALOG)


async def test_a_logout_that_is_tried_again_tells_by_itself_how_that_ended(window: Window, server: Administered) -> None:
    debt = await server.refused(1)
    await at(window, "Owed")

    await window.click('a.button:has-text("Retry …")')
    await window.click(f'{DIALOG} button:has-text("Try it now")')
    await window.see("The logout is being tried", DIALOG)
    await server.ledger.dismiss(debt.id, "done by hand")  # as if the retries, which do not run here, had done it

    await window.see("The logout is done", DIALOG)


async def test_a_logout_is_dismissed_only_with_a_reason(window: Window, server: Administered) -> None:
    await server.refused(1)
    await at(window, "Owed")

    await window.click('a.button:has-text("Dismiss …")')
    await window.click(f'{DIALOG} button:has-text("Dismiss it")')
    assert await window.does("evaluate", script="document.getElementById('reason').validity.valueMissing")
    await window.does("fill", selector="#reason", text="ended by hand")
    await window.click(f'{DIALOG} button:has-text("Dismiss it")')

    await window.see("The logout is dismissed", DIALOG)
    await window.see("dismissed: ended by hand", DIALOG)


async def test_of_two_windows_that_close_one_session_the_later_is_told(
    window: Window, browser: Chromium, server: Administered
) -> None:
    await server.open(1)
    await at(window, "Sessions")
    async with browser.window() as other:
        await other.goto(await link_of(server))
        await at(other, "Sessions")
        for each in (window, other):
            await each.click(CLOSE)
            await each.see("Close this session?", DIALOG)
        await window.click(f'{DIALOG} button:has-text("Close the session")')
        await window.see("The session is closed", DIALOG)
        await other.click(f'{DIALOG} button:has-text("Close the session")')

        await other.see("the session is not open", DIALOG)


async def test_a_list_follows_what_happens_elsewhere(window: Window, server: Administered) -> None:
    await at(window, "Sessions")
    await window.see("There is no such session", "#rows")

    opened = await server.open(1)

    await window.see(opened.session_id, "#rows")
    await window.see("1 open", "#state")


async def test_a_list_stays_as_it_is_under_the_hands_of_somebody_and_says_so(window: Window, server: Administered) -> None:
    await server.open(1)
    await at(window, "Sessions")
    await window.see("1 open", "#state")
    await window.does("evaluate", script="document.querySelector('#rows a.button').focus()")

    opened = await server.open(2)
    await window.see("Something has changed meanwhile", "#stale")
    before = await window.does("text", selector="#rows")
    await window.click("#stale button")

    assert opened.session_id not in before
    await window.see(opened.session_id, "#rows")


async def test_everything_is_done_without_a_mouse(window: Window, server: Administered) -> None:
    await server.open(1)
    await at(window, "Sessions")
    await window.does("evaluate", script="document.querySelector('#rows a.button').focus()")

    await window.does("press", key="Enter")
    await window.see("Close this session?", DIALOG)
    await window.does("press", key="Escape")
    await window.until("!document.getElementById('dialog').open")
    await window.until("document.activeElement.id.startsWith('act-')")
    await window.does("press", key="Enter")
    await window.see("Close this session?", DIALOG)
    await window.does("press", key="Tab")
    assert await window.focused() == "Close the session"
    await window.does("press", key="Enter")

    await window.see("The session is closed", DIALOG)


async def test_a_page_says_that_the_server_is_gone_and_then_that_its_login_is(browser: Chromium, tmp_path: Path) -> None:
    console = ConsoleSection(enabled=True, port=free_port())
    async with browser.window() as window:
        async with administered(tmp_path, console) as server:
            await window.goto(await link_of(server))
            await window.see("0 open", "#state")
        await window.see("No connection to the server", "#trouble")
        async with administered(tmp_path, console) as server:
            await window.see("Your login has ended", "#trouble")
            await window.click("#trouble a")
            await window.see("Code or token")
            await window.goto(await link_of(server))
            await window.see("Open sessions")


async def test_a_page_whose_login_has_ended_does_nothing_and_says_so(
    window: Window, browser: Chromium, server: Administered
) -> None:
    opened = await server.open(1)
    await at(window, "Sessions")
    await window.click(CLOSE)
    await window.see("Close this session?", DIALOG)
    async with browser.window(with_cookies_of=window.name) as same:
        await same.goto(await window.does("url"))
        await same.click('header button:has-text("Log out")')
        await same.see("Code or token")
    await window.click(f'{DIALOG} button:has-text("Close the session")')

    await window.see("Your login has ended", "#trouble")
    assert server.live.login_of(opened.session_id) == "login 1"


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_wider_than_its_window_or_breaks_its_own_rules(
    browser: Chromium, server: Administered, width: int, scheme: str
) -> None:
    opened = await server.open(1, system_id="a system with quite a long name, as people give them")
    debt = await server.refused(2)
    async with browser.window(width=width, height=800, scheme=scheme) as window:
        await window.goto(await link_of(server))
        await window.see("Open sessions")
        base = str(URL(await window.does("url")).with_query(None))
        of_one = (f"sessions/{opened.session_id}", f"owed/{debt.id}", f"owed/{debt.id}/dismiss")
        for path in ("", "sessions", "owed", "caches", "charts", "audit", *of_one):
            assert await window.goto(base + path) == 200
            assert await window.does("evaluate", script=NOT_WIDER), path
        assert await window.does("complaints") == []
        assert {URL(url).authority for url in await window.does("asked")} == {URL(base).authority}
        dark = await window.does("evaluate", script="getComputedStyle(document.body).backgroundColor")

    assert dark == {"light": "rgb(246, 247, 249)", "dark": "rgb(20, 23, 28)"}[scheme]


async def test_every_control_has_a_name_and_every_page_its_landmarks(window: Window, server: Administered) -> None:
    await server.open(1)
    await server.refused(2)
    nameless = """[...document.querySelectorAll("a, button, input:not([type=hidden]), select")].filter((each) =>
        !(each.innerText || each.textContent).trim() && !each.labels?.length && !each.ariaLabel).map((each) => each.outerHTML)"""
    headings = "[...document.querySelectorAll('main h1')].length === 1 && document.documentElement.lang === 'en'"
    for page in ("Overview", "Sessions", "Owed", "Caches", "Charts", "Audit log"):
        await at(window, page)
        assert await window.does("evaluate", script=nameless) == []
        assert await window.does("evaluate", script=headings)
        assert await window.does("evaluate", script="document.title") != ""


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
async def test_ten_thousand_sessions_are_shown_in_pages_without_a_stall(
    browser: Chromium, server: Administered, width: int
) -> None:
    await asyncio.gather(*(server.begin(number) for number in range(10_000)))
    async with browser.window(width=width) as window:
        await window.goto(await link_of(server))
        async with asyncio.timeout(WITHIN):
            await at(window, "Sessions")
            await window.see("100 shown", "#rows")
            fits = [await window.does("evaluate", script=NOT_WIDER)]
            await window.click('a:has-text("The next ones")')
            await window.see("From the beginning", "#rows")
            fits.append(await window.does("evaluate", script=NOT_WIDER))

        assert await window.does("evaluate", script="document.querySelectorAll('#rows tbody tr').length") == 100
        assert (fits, await window.does("complaints")) == ([True, True], [])


async def test_a_system_is_evicted_after_a_question(window: Window, server: Administered) -> None:
    await server.open(1, system_id="B & C")
    await at(window, "Caches")

    await window.click('a.button:has-text("Evict …")')
    await window.see("B & C", DIALOG)
    await window.click(f'{DIALOG} button:has-text("Evict it")')

    await window.see("The system is evicted", DIALOG)
    await window.see("Cache memory", DIALOG)


async def test_charts_are_drawn_and_said_in_numbers(window: Window) -> None:
    await at(window, "Charts")
    await window.see("in the last hour")

    await window.until("document.querySelectorAll('.chart canvas').length === 4")
    assert await window.does("complaints") == []


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
@pytest.mark.parametrize("minutes", [KEPT, 2], ids=["day", "minutes"])
async def test_the_times_below_a_chart_are_there_and_do_not_touch_each_other(
    browser: Chromium, tmp_path: Path, width: int, minutes: int
) -> None:
    console = ConsoleSection(enabled=True, port=0)
    async with administered(tmp_path, console, last_day=busy_day(minutes)) as server, browser.window(width=width) as window:
        await window.goto(await link_of(server))
        await at(window, "Charts")
        await window.until("document.querySelectorAll('.chart canvas').length === 4")
        await window.does("evaluate", script=WRITTEN)
        await window.until("times().length >= 4")
        times = await window.does("evaluate", script="times()")

    for left, right in pairwise(sorted(times, key=lambda time: (time["chart"], time["from"]))):
        assert left["chart"] != right["chart"] or left["to"] + 5 < right["from"], (left, right)
    assert {time["chart"] for time in times} == {0, 1, 2, 3}


async def test_what_was_done_is_in_the_audit_log_with_who_did_it(window: Window, server: Administered) -> None:
    await server.refused(1)
    await at(window, "Owed")
    await window.click('a.button:has-text("Dismiss …")')
    await window.does("fill", selector="#reason", text="ended by hand")
    await window.click(f'{DIALOG} button:has-text("Dismiss it")')
    await window.see("The logout is dismissed", DIALOG)
    await window.does("press", key="Escape")
    await at(window, "Audit log")

    await window.see("console 127.0.0.1", "#rows tr:has-text('dismiss')")
    await window.see("console login", "#rows")
