"""`bench/results.json`: all answers of the last run of each question. Tables, pictures and the page are made of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.question import Answer, Goal, Question

FILE = "results.json"


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of the file. Results are merged by row."""

    rows: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Return the results in the folder; none at first."""
        file = folder / FILE
        return cls(json.loads(file.read_text("utf-8")) if file.exists() else [])

    def write(self, folder: Path) -> None:
        """Replace the file."""
        (folder / FILE).write_text(json.dumps(self.rows, indent=2, ensure_ascii=False) + "\n", "utf-8")

    def with_answers(
        self, question: Question, answers: Sequence[Answer], machine: Mapping[str, object], order: Sequence[Question]
    ) -> "Results":
        """Return the rows with a question's answers in the place of its old ones, the questions in this order."""
        kept = [row for row in self.rows if _name(row) != question.name]
        rows = kept + [_row(question, answer, machine) for answer in answers]
        places = {each.name: place for place, each in enumerate(order)}
        return Results(sorted((row for row in rows if _name(row) in places), key=lambda row: places[_name(row)]))

    def answers(self, question: Question) -> list[Answer]:
        """Return a question's answers."""
        return [_answer(row) for row in self.rows if _name(row) == question.name]

    @property
    def machines(self) -> list[dict[str, Any]]:
        """The machines that all of this was measured on: one, one hopes."""
        found = [row["machine"] for row in self.rows]
        return [machine for place, machine in enumerate(found) if machine not in found[:place]]


def _row(question: Question, answer: Answer, machine: Mapping[str, object]) -> dict[str, Any]:
    figure = _short(answer.figure)
    return {
        "question": f"{question.name}: {answer.part}",
        "figure": figure,
        "unit": answer.unit,
        "goal": str(answer.goal),
        "reached": answer.goal.reached_by(figure),
        "peers": {name: _short(figure) for name, figure in answer.peers.items()},
        "machine": machine,
    }


def _answer(row: Mapping[str, Any]) -> Answer:
    _, kind, bound = row["goal"].split()
    goal = Goal(float(bound.replace(",", "")), at_least=kind == "least")
    return Answer(row["question"].partition(": ")[2], row["figure"], row["unit"], goal, row["peers"])


def _name(row: Mapping[str, Any]) -> str:
    name: str = row["question"].partition(": ")[0]
    return name


def _short(figure: float) -> float:
    return float(f"{figure:.4g}")
