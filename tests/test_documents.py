"""The pages can be read in a terminal, and lead to what is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WRITTEN_BY_COMMANDS = ("docs/configuration.md", "docs/performance.md", "docs/soak.md", "docs/torture.md")
WIDTH = 160
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pages in (ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "examples").rglob("*.md"))
    for page in pages
)
WRITTEN_BY_HAND = [page for page in PAGES if page not in (*WRITTEN_BY_COMMANDS, "CHANGELOG.md")]
"""The change log has one line for each change, so that changes made side by side can be merged."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:tests|connector|drivers|docs|examples)/[\w/.-]*)`")


def prose(page: str) -> Iterator[tuple[int, str]]:
    """Its lines with their numbers, without tables and blocks of code."""
    fenced = False
    for number, line in enumerate((ROOT / page).read_text("utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    ") and not line.lstrip().startswith("|"):
            yield number, line


def has_heading(page: Path, anchor: str) -> bool:
    """Whether a heading has this anchor on GitHub. A command may have written only a part of its page."""
    if page.relative_to(ROOT).as_posix() in WRITTEN_BY_COMMANDS:
        return True
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN_BY_HAND)
def test_no_line_of_a_page_is_too_wide_for_a_terminal(page: str) -> None:
    assert [f"{page}:{number}" for number, line in prose(page) if len(line) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_of_a_page_leads_to_something(page: str) -> None:
    dead = []
    for link in LINK.findall((ROOT / page).read_text("utf-8")):
        file, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        if ":" not in link and (not target.exists() or (anchor and not has_heading(target, anchor))):
            dead.append(link)

    assert dead == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_project_that_a_page_names_is_there(page: str) -> None:
    named = (file.replace("NAME", "none") for file in FILE.findall((ROOT / page).read_text("utf-8")))

    assert [file for file in named if not (ROOT / file).exists()] == []
