"""Measure, show, and write `bench/results.json`, `docs/performance.md` and its pictures.

Ends with 1 if something that was measured did not do what it is there for. Goals that are missed are shown, and no more: with
`--quick`, sizes are so small that figures mean little, and what is written goes into the folder that is named.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.machine import machine
from bench.measure import log_warnings_only, run_on_the_servers_loop
from bench.page import write_page
from bench.process import keep_compiled
from bench.question import Answer, Question, Run, SanityCheckFailed
from bench.questions import ALL
from bench.results import Results
from bench.terminal import progress, table

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.questions) - {question.name for question in ALL}:
        parser.error(f"{', '.join(sorted(unknown))}: expected some of {', '.join(question.name for question in ALL)}")
    log_warnings_only()
    questions = [question for question in ALL if question.name in options.questions or not options.questions]
    if options.quick is None:
        return run(questions, HERE, HERE.parent / "docs", quick=False)
    options.quick.mkdir(parents=True, exist_ok=True)
    return run(questions, options.quick, options.quick, quick=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="question", help="all of them, if none is named")
    parser.add_argument("--quick", type=Path, metavar="FOLDER", help="small sizes, written into this folder")
    return parser


def run(questions: Sequence[Question], folder: Path, docs: Path, *, quick: bool) -> int:
    """Measure one question after the other. Each is written at once, so that a later failure loses nothing."""
    console = Console()
    for question in questions:
        try:
            answers = _measured(question, console, quick=quick)
        except SanityCheckFailed as problem:
            console.print(f"[red]{question.name}: expected that {problem}[/]", soft_wrap=True)
            return 1
        console.print(table(question, answers))
        Results.read(folder).with_answers(question, answers, machine(), ALL).write(folder)
    write_page(Results.read(folder), ALL, docs)
    return 0


def _measured(question: Question, console: Console, *, quick: bool) -> Sequence[Answer]:
    with TemporaryDirectory() as folder, progress(console, question) as begin:
        return run_on_the_servers_loop(question.measure(Run(quick, Path(folder), begin)))


if __name__ == "__main__":
    keep_compiled()
    sys.exit(main())
