"""`docs/performance.md`: the prose of `bench/performance.md`, with each question's table and picture in its place."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.numbers import short, written
from bench.plots import draw
from bench.question import Answer, Question
from bench.results import Results

TEMPLATE = Path(__file__).parent / "performance.md"
FIGURE = re.compile(r"\{([\w-]+: [^}]+)\}")
UNKNOWN = "(not measured yet)"
PAGE = "performance.md"
PICTURES = "pictures"
FASTEST = 6
"""Peers that a table names at most; the picture and `bench/results.json` have all."""


def write_page(results: Results, questions: Sequence[Question], docs: Path) -> None:
    """Write the page and its pictures anew."""
    text = _with_figures(TEMPLATE.read_text("utf-8"), results, questions).replace(_mark("machine"), _machine(results))
    for question in questions:
        answers = results.answers(question)
        text = text.replace(_mark(question.name), _section(question, answers, docs) if answers else "Not measured yet.")
    docs.mkdir(parents=True, exist_ok=True)
    (docs / PAGE).write_text(text, "utf-8")


def _mark(name: str) -> str:
    return f"<!-- {name} -->"


def _with_figures(text: str, results: Results, questions: Iterable[Question]) -> str:
    """Write figures where the text has `{question: part}`."""
    figures = {f"{each.name}: {answer.part}": answer.figure for each in questions for answer in results.answers(each)}
    return FIGURE.sub(lambda named: short(figures[named[1]]) if named[1] in figures else UNKNOWN, text)


def _section(question: Question, answers: Sequence[Answer], docs: Path) -> str:
    picture = f"{PICTURES}/{question.name}.svg"
    draw(question, question.panels(answers), docs / picture)
    rows = [
        (
            answer.part,
            f"{written(answer.figure)} {answer.unit}",
            answer.goal,
            "yes" if answer.reached else "**no**",
            _peers(answer),
        )
        for answer in answers
    ]
    return f"{_table(('', 'measured', 'goal', 'reached', 'beside it'), rows)}\n![{question.title}]({picture})"


def _peers(answer: Answer) -> str:
    best_first = sorted(answer.peers.items(), key=lambda peer: -peer[1] if answer.goal.at_least else peer[1])
    named = [f"{name} {written(figure)}" for name, figure in best_first[:FASTEST]]
    return "; ".join([*named, "..."] if len(best_first) > FASTEST else named)


def _machine(results: Results) -> str:
    lines = []
    for machine in results.machines:
        versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
        lines.append(
            f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, Python {machine['python']}; {versions}."
        )
    return "\n\n".join(lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
