"""The output of a run: a line of progress, and a table for each answered question."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.numbers import written
from bench.question import Advance, Answer, Question


@contextmanager
def progress(console: Console, question: Question) -> Iterator[Callable[[str, int], Advance]]:
    """Show the progress of a question on a terminal; elsewhere name each stretch once."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def begin(what: str, steps: int) -> Advance:
            if not console.is_terminal:
                console.print(f"{question.name}: {what}", soft_wrap=True)
            task = bars.add_task(f"{question.name}: {what}", total=steps)
            return lambda done: bars.advance(task, done)

        yield begin


def table(question: Question, answers: Sequence[Answer]) -> Table:
    """Return the answers as a table, each with its peers below it, the smallest figure first."""
    shown = Table("", "measured", "goal", "reached", title=question.title, title_justify="left")
    for answer in answers:
        reached = "yes" if answer.reached else "[red]no[/]"
        shown.add_row(f"[bold]{answer.part}[/]", f"{written(answer.figure)} {answer.unit}", str(answer.goal), reached)
        for name, figure in sorted(answer.peers.items(), key=lambda peer: peer[1]):
            shown.add_row(f"  {name}", written(figure), style="dim")
        shown.add_section()
    return shown
