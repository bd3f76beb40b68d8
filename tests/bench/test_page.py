"""The page and its pictures: what stands where, and how numbers are written."""

from pathlib import Path

import pytest

from bench.numbers import short, written
from bench.page import FIGURE, TEMPLATE, write_page
from bench.plots import draw
from bench.question import OURS, Answer, Panel, Question, Run, a_panel_for_each, at_most
from bench.questions import ALL
from bench.results import Results

LIMIT = "zlib alone"
BESIDE = {"a peer": 30.0, LIMIT: 1_234.0, "another": 2_900.0}
MACHINE = {"cores": 2, "cpu": "any", "system": "any", "python": "3", "versions": {}}


async def never(_run: Run) -> list[Answer]:
    raise AssertionError("nothing is measured here")


ANY = Question("any", "Any", never, limits=(LIMIT,))


def drawn(tmp_path: Path, *panels: Panel) -> str:
    draw(ANY, panels, tmp_path / "any.svg")
    return (tmp_path / "any.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (3_631, "3,631"),
        (20_034.6, "20,030"),
        (0.0000123456, "0.00001235"),
        (1.2e7, "12,000,000"),
        (1, "1"),
        (0, "0"),
        (9.9999, "10"),
    ],
)
def test_a_number_is_written_without_a_power_of_ten(figure: float, text: str) -> None:
    assert written(figure) == text


def test_a_short_number_has_three_digits_unless_it_is_a_thousand_or_more() -> None:
    assert [short(figure) for figure in (5.693, 0.03361, 344.6, 3_631.2)] == ["5.69", "0.0336", "345", "3,631"]


def test_bars_stand_in_the_same_order_in_each_picture_ours_first_then_the_limit(tmp_path: Path) -> None:
    panels = a_panel_for_each([Answer("first", 3_631, "us", at_most(2), BESIDE), Answer("second", 2, "us", at_most(2), BESIDE)])
    assert len(panels) == 2
    for panel in panels:
        svg = drawn(tmp_path, panel)
        places = [svg.index(f"{name}</text>") for name in (OURS, LIMIT, "a peer", "another")]
        assert places == sorted(places)


def test_parts_stand_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    svg = drawn(tmp_path, Panel("parts", "us", {"later": {"": 1.0}, "earlier": {"": 2.0}}, is_in_order=True))
    assert svg.index("later</text>") < svg.index("earlier</text>")


@pytest.mark.parametrize("far", [10.0, 100_000.0])
def test_a_picture_writes_its_numbers_as_people_do(far: float, tmp_path: Path) -> None:
    svg = drawn(tmp_path, *a_panel_for_each([Answer("far", 3_631, "us", at_most(2_000), {"a peer": 3_631 * far})]))
    assert "3,631</text>" in svg
    assert "e+0" not in svg
    assert "mathdefault" not in svg


def test_a_figure_in_the_text_is_that_of_the_answer_it_names(tmp_path: Path) -> None:
    (question,) = [each for each in ALL if each.name == "cleanups-per-second"]
    rows = Results([]).with_answers(question, [Answer("cleanups", 4_567, "per second", at_most(2), BESIDE)], MACHINE, ALL)
    write_page(rows, ALL, tmp_path)
    page = (tmp_path / "performance.md").read_text("utf-8")
    assert "ends 4,567 sessions a second" in page
    assert "It leads (not measured yet) whole lives" in page


def test_the_committed_answers_have_each_figure_that_the_text_names() -> None:
    results = Results.read(TEMPLATE.parent)
    measured = {each.name: [answer.part for answer in results.answers(each)] for each in ALL}
    named = [figure.split(": ", 1) for figure in FIGURE.findall(TEMPLATE.read_text("utf-8"))]
    assert [(name, part) for name, part in named if measured[name] and part not in measured[name]] == []
