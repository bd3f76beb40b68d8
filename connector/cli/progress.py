"""How far a command is that takes its time, shown at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Count rows at a terminal; what is given is called for each. With a `total`, a bar says how many there are to come."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    terminal = Console(stderr=True)
    how_far = [SpinnerColumn()] if total is None else [BarColumn()]
    columns = (*how_far, TextColumn(doing + ": {task.completed} rows"), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as shown:
        task = shown.add_task(doing, total=total)
        yield lambda: shown.advance(task)
