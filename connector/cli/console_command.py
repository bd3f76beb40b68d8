"""`connector console`: a link that lets a person into the web console."""

import typer

from connector.cli.exits import exit_codes
from connector.cli.options import ConfigOption, JsonOption
from connector.cli.printing import print_json


def console(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print a link into the web console of the running server. It works once, within two minutes."""
    from connector.cli.seen import running_server

    with exit_codes(), running_server(config) as server:
        link = server.console_link()
    if as_json:
        print_json(link)
        return
    typer.echo(link.url)
    typer.echo(f"It works once, within {link.seconds:.0f} seconds. Do not pass it on: whoever opens it first is in.", err=True)
