"""How a command ends if the running server does not do what the command asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from connector.cli.control_client import NothingHere, NotYours, Refused, ServerDown
from connector.cli.options import EXIT_CONFIGURATION, EXIT_NOT_NOW, EXIT_NOT_YOURS

EXIT_NOTHING = 1
"""No such row, or nothing to do."""
EXIT_DOWN = 69
"""The server has to run for this command, and does not: `EX_UNAVAILABLE` of sysexits.h."""

WHERE_IT_IS = "Run this in the folder of the server, or name its configuration with --config; `connector serve` starts one."


@contextmanager
def exit_codes() -> Iterator[None]:
    """Say what went wrong, and end the command with the code for it."""
    from connector.model.errors import NoSuchDebt, NoSuchSession

    try:
        yield
    except ServerDown as problem:
        typer.echo(f"{problem}; it has to run for this.\n{WHERE_IT_IS}", err=True)
        raise typer.Exit(EXIT_DOWN) from problem
    except NotYours as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_NOT_YOURS) from problem
    except NothingHere as problem:
        typer.echo(f"{problem}.\n{WHERE_IT_IS}", err=True)
        raise typer.Exit(EXIT_CONFIGURATION) from problem
    except Refused as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_NOT_NOW if problem.passing else EXIT_NOTHING) from problem
    except (NoSuchDebt, NoSuchSession) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_NOTHING) from problem
