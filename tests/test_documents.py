"""The pages can be read in a terminal, and lead to what is there."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from connector.ledger.postgres.tables import MIGRATIONS as VERSIONS_OF_THE_DATABASE
from connector.ledger.sqlite.schema import MIGRATIONS as VERSIONS_OF_THE_FILE
from tests.house.count import between_rooms, imports
from tests.house.source import modules

ROOT = Path(__file__).parent.parent
WRITTEN_BY_COMMANDS = (
    "docs/api.md",
    "docs/configuration.md",
    "docs/doctor.md",
    "docs/end-systems.md",
    "docs/fleet.md",
    "docs/performance.md",
    "docs/soak.md",
    "docs/torture.md",
)
RECORDS = ("CHANGELOG.md", "docs/faults.md")
"""Lists of one line for each change or fault, so that those that are made side by side can be merged."""
WIDTH = 160
IN_ONE_LINE = "    user connector "
"""A file of Redis's that cannot be wrapped."""
LONGEST_SENTENCE = 25
NOT_OUR_WORDS = {
    r"near (?:copy|copies|driver|drivers)": "local cache",
    r"in force": "effective",
    r"(?:came|comes|come) to nothing": "failed",
    r"(?:a|wait for a) human": "needs attention",
    r"mint(?:s|ed|ing)?": "make",
    r"whoever|whatever else": "a noun",
}
"""Words that this project had for what the field calls otherwise, with the field's."""
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pages in (ROOT.glob("*.md"), *((ROOT / folder).rglob("*.md") for folder in ("bench", "docs", "examples")))
    for page in pages
)
WRITTEN_BY_HAND = [page for page in PAGES if page not in (*WRITTEN_BY_COMMANDS, *RECORDS)]
QUOTES = "docs/house.md"
"""Shows sentences as they were."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
ENDS = re.compile(r"(?<=[.!?])\*{0,2}\s+")
ITEM = re.compile(r"(?:[*>-]|\d+\.) ")
FILE = re.compile(r"`((?:tests|connector|drivers|docs|examples)/[\w/.-]*)`")


def prose(page: str) -> Iterator[tuple[int, str]]:
    """Its lines with their numbers, without tables and blocks of code."""
    fenced = False
    for number, line in enumerate((ROOT / page).read_text("utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    ") and not line.lstrip().startswith("|"):
            yield number, line


def sentences(page: str) -> Iterator[str]:
    """Its sentences, with one word for each piece of code. An item of a list is a paragraph."""
    paragraphs, last = [""], 0
    for number, line in prose(page):
        is_next = number == last + 1 and not line.startswith("#") and not ITEM.match(line)
        paragraphs[-1:] = (
            [f"{paragraphs[-1]} {line.strip()}"] if is_next and line else [paragraphs[-1], ITEM.sub("", line, count=1)]
        )
        last = number
    for paragraph in paragraphs:
        yield from ENDS.split(re.sub(r"`[^`]*`", "code", re.sub(r"\]\([^)]*\)", "]", paragraph)))


def picture(kind: str) -> list[str]:
    """The lines of the one picture of this kind in the page about the design."""
    (lines,) = re.findall(rf"```mermaid\n{kind}[^\n]*\n(.*?)```", (ROOT / "docs/design.md").read_text("utf-8"), re.DOTALL)
    return [line.strip() for line in lines.splitlines()]


def arrows() -> Iterator[tuple[str, str]]:
    """The arrows of the picture of the parts: `a & b --> c & d` are four."""
    for line in picture("flowchart"):
        yield from product(*(side.split(" & ") for side in line.split(" --> ")))


def rooms() -> set[str]:
    """The folders of the connector that have code, and the drivers."""
    return {file.parent.name for file in (ROOT / "connector").glob("*/__init__.py")} | {"drivers"}


def has_heading(page: Path, anchor: str) -> bool:
    """Whether a heading has this anchor on GitHub. A command may have written only a part of its page."""
    if page.relative_to(ROOT).as_posix() in WRITTEN_BY_COMMANDS:
        return True
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN_BY_HAND)
def test_no_line_of_a_page_is_too_wide_for_a_terminal(page: str) -> None:
    lines = enumerate((ROOT / page).read_text("utf-8").splitlines(), 1)

    assert [number for number, line in lines if len(line) > WIDTH and not line.startswith(IN_ONE_LINE)] == []


@pytest.mark.parametrize("page", WRITTEN_BY_HAND)
def test_no_sentence_of_a_page_has_to_be_read_twice(page: str) -> None:
    assert [sentence for sentence in sentences(page) if len(re.findall(r"[\w'-]+", sentence)) > LONGEST_SENTENCE] == []


@pytest.mark.parametrize("page", [page for page in WRITTEN_BY_HAND if page != QUOTES])
def test_a_page_uses_the_words_of_the_field(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")

    assert [(word, said) for word, said in NOT_OUR_WORDS.items() if re.search(rf"\b(?:{word})\b", text, re.IGNORECASE)] == []


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


def names_of_tests(folder: str) -> set[str]:
    """Return the names of all tests of a folder."""
    files = (ROOT / folder).rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))}


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / page).read_text("utf-8"))

    assert {*named} <= names_of_tests("tests")


def test_each_guarantee_of_redis_names_a_run_that_is_there() -> None:
    _, table = (ROOT / "docs/drivers/aiocache-redis.md").read_text("utf-8").split("| run that shows it |\n")
    runs = [run for row in re.findall(r"^\|.*\| (`[^|]*) \|$", table, re.MULTILINE) for run in re.findall(r"\w+", row)]

    assert len(runs) > 6
    assert [run for run in runs if not any(run in name for name in names_of_tests("tests/drivers"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_that_a_page_names_is_there(page: str) -> None:
    targets = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)}
    named = " ".join(re.findall(r"`make ([a-z -]+)", (ROOT / page).read_text("utf-8"))).split()

    assert [target for target in named if target not in targets] == []


def test_every_arrow_between_the_parts_is_an_import_and_no_part_is_left_out() -> None:
    needs = between_rooms(imports(modules(ROOT)))
    drawn = [*arrows()]

    assert rooms() <= {part for arrow in drawn for part in arrow}
    assert [
        f"{above} --> {below}"
        for above, below in drawn
        if below not in {name.removeprefix("connector.") for name in needs[f"connector.{above}"]}
    ] == []


def test_a_cleanup_goes_through_parts_that_are_there() -> None:
    ways = [line.split()[1] for line in picture("sequenceDiagram") if line.startswith("participant")]

    assert {*ways} - rooms() == {"OpsHub", "EndSystem"}


def test_the_page_about_the_design_says_of_every_part_what_is_in_it() -> None:
    rows = re.findall(r"^\| `(?:connector/)?(\w+)/?` \|", (ROOT / "docs/design.md").read_text("utf-8"), re.MULTILINE)

    assert rooms() <= {*rows}


def test_the_files_that_a_new_reader_needs_are_there() -> None:
    lines = re.findall(r"^ +today +(.*)$", (ROOT / QUOTES).read_text("utf-8"), re.MULTILINE)

    assert len(lines) >= 5
    assert [file for line in lines for file in line.split(", ") if not (ROOT / file).exists()] == []


def test_the_page_about_the_ledger_names_the_version_of_each_store() -> None:
    page = (ROOT / "docs" / "ledger.md").read_text()

    assert f"Version {len(VERSIONS_OF_THE_FILE)} (`PRAGMA user_version`)" in page
    assert f"the version that they have: {len(VERSIONS_OF_THE_DATABASE)} |" in page
