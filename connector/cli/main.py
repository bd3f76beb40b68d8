"""The command `connector`."""

import sys

from connector.runtime.quick_imports import quick_imports

with quick_imports():
    from connector.cli.endings import explained_ends
    from connector.cli.starting import app


def main() -> None:
    """Run the command line and end the process.

    A configuration that cannot work, and a file that cannot be used, are explained without a traceback. A server starts
    without the other commands: to import and to describe them takes a fifteenth of its start.
    """
    if sys.argv[1:2] != ["serve"]:
        from connector.cli.commands import add_commands

        add_commands(app)
    with explained_ends():
        app()
