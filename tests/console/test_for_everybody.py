"""The console for people who see, hear or point otherwise: what axe-core finds, and what a screen reader is told."""

from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.console.chromium import Chromium, Window
from tests.console.inhabited import inhabited
from tests.console.visitor import link_of
from tests.control.administered import Administered

PAGES = (
    "",
    "sessions",
    "owed",
    "caches",
    "charts",
    "audit",
    "sessions?system=none",
    "owed?state=closed",
    "owed/1",
    "owed/1/retry",
    "missing",
)
"""Paths below the login's: full lists, empty ones, one row, and an error."""
DIALOG = "dialog[open]"
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_that_keeps_people_out(browser: Chromium, tmp_path: Path, look: str) -> None:
    width, scheme = LOOKS[look]
    found: list[str] = []
    async with inhabited(tmp_path) as server, browser.window(width=width, height=800, scheme=scheme) as window:
        link = await link_of(server)
        await window.goto(link.with_fragment(None))
        found += await window.does("violations")
        await window.goto(link)
        await window.see("Open sessions")
        base = str(URL(await window.does("url")).with_query(None))
        for path in PAGES:
            await window.goto(base + path)
            await window.see("open" if path != "missing" else "404", "#state a, main h1")
            found += await window.does("violations")
        await window.goto(f"{base}owed")
        await window.see("open", "#state a")
        for button in ('#rows a:has-text("Dismiss …")', f'{DIALOG} button:has-text("Dismiss it")'):
            await window.click(button)
            found += await window.does("violations")
            if await window.does("evaluate", script="document.getElementById('reason') !== null"):
                await window.does("fill", selector="#reason", text="ended by hand")

    assert found == []


async def heard(window: Window) -> list[dict[str, Any]]:
    return list(await window.does("heard"))


def named(lines: list[dict[str, Any]], role: str) -> list[str]:
    """The names of what has a role, in their order."""
    return [line["name"] for line in lines if line["role"] == role]


async def opened(window: Window, server: Administered, path: str = "") -> None:
    """Enter, and load a page of the console."""
    await window.goto(await link_of(server))
    await window.see("Open sessions")
    await window.goto(str(URL(await window.does("url")).with_query(None)) + path)
    await window.see("open", "#state a")


async def test_a_screen_reader_finds_each_page_by_its_landmarks_and_headings(browser: Chromium, tmp_path: Path) -> None:
    async with inhabited(tmp_path) as server, browser.window() as window:
        for path, title in {"": "Overview", "sessions": "Sessions", "owed": "What is owed", "caches": "Caches"}.items():
            await opened(window, server, path)
            lines = await heard(window)

            assert {"banner", "navigation", "main", "contentinfo"} <= {line["role"] for line in lines}
            assert named(lines, "navigation") == ["Pages"]
            headings = [line for line in lines if line["role"] == "heading"]
            assert [line["name"] for line in headings if line["level"] == 1] == [title]
            assert {line["level"] for line in headings} <= {1, 2}
            nameless = [
                line for line in lines if line["role"] in {"link", "button", "textbox", "combobox", "cell"} and not line["name"]
            ]
            assert [line for line in nameless if line["role"] != "cell"] == []


async def test_a_screen_reader_is_told_of_which_row_a_button_is(browser: Chromium, tmp_path: Path) -> None:
    async with inhabited(tmp_path) as server, browser.window() as window:
        await opened(window, server, "owed")
        lines = await heard(window)

    assert named(lines, "rowheader") == ["1", "2", "3", "4"]
    assert [name for name in named(lines, "link") if name.startswith("Retry")] == [f"Retry … row {row}" for row in (1, 2, 3, 4)]
    assert "Logouts and evictions that are owed" in named(lines, "table")


async def test_a_question_is_read_from_its_title_and_its_dialog_shuts_out_the_rest(window: Window, server: Administered) -> None:
    await server.open(1)
    await opened(window, server, "sessions")
    await window.click('a.button:has-text("Close …")')
    await window.see("Close this session?", DIALOG)
    lines = await heard(window)

    (dialog,) = (line for line in lines if line["role"] == "dialog")
    assert (dialog["name"], dialog["modal"]) == ("Close this session?", True)
    assert [line["name"] for line in lines if line.get("focused") and line["role"] == "heading"] == ["Close this session?"]
    assert named(lines, "navigation") == []


async def test_what_became_of_an_action_is_announced_once_and_the_way_back_has_the_focus(
    window: Window, server: Administered
) -> None:
    debt = await server.refused(1)
    await opened(window, server, "owed")
    await window.click('a.button:has-text("Retry …")')
    await window.see("Try this logout again?", DIALOG)
    assert await announced(window) == []
    await window.click(f'{DIALOG} button:has-text("Try it now")')
    await window.see("The logout is being tried", DIALOG)
    assert await announced(window) == ["The logout is being tried"]
    await window.does("evaluate", script=CHANGES)
    await server.ledger.dismiss(debt.id, "done by hand")  # as if the retries, which do not run here, had done it
    await window.see("The logout is done", DIALOG)

    assert await announced(window) == ["The logout is done"]
    assert await window.focused() == "Back to the list"
    assert await window.does("evaluate", script="window.said") == ["The logout is done"]


CHANGES = """(() => {
    window.said = [];
    const note = () => window.said.push(document.getElementById("said").textContent);
    new MutationObserver(note).observe(document.getElementById("said"), { childList: true });
})()"""
"""Notes each text of the live region from now on."""


async def announced(window: Window) -> list[str]:
    """What the live regions within the dialog say."""
    lines = await heard(window)
    within = next((number for number, line in enumerate(lines) if line["role"] == "dialog"), len(lines))
    regions = [number for number, line in enumerate(lines) if number > within and line.get("live") == "polite"]
    return [
        lines[number + 1]["name"]
        for number in regions
        if number + 1 < len(lines) and lines[number + 1]["depth"] > lines[number]["depth"]
    ]


async def test_a_list_that_stays_still_tells_a_screen_reader_that_something_has_changed(
    window: Window, server: Administered
) -> None:
    await server.open(1)
    await opened(window, server, "sessions")
    await window.see("1 open", "#state")
    await window.does("evaluate", script="document.querySelector('#rows a.button').focus()")
    await server.open(2)
    await window.see("Something has changed meanwhile", "#stale")
    lines = await heard(window)

    place = next(number for number, line in enumerate(lines) if line["name"].startswith("Something has changed"))
    assert any(line.get("live") == "polite" and line["role"] == "status" for line in lines[place - 2 : place])
