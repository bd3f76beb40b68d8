"""`connector check-config`: the effective configuration, who set it, and whether a server would start with it."""

import json
import os
from typing import Any

import typer

from connector.cli.options import EXIT_CONFIGURATION, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.model.errors import ConfigurationError


def check_config(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Check all that `serve` checks, and open nothing. Show the effective values and who set them, but no secret.

    Ends with 0 if a server would start, as far as one can tell, and with 78 if it would refuse.
    """
    from connector.cli.effective import effective_values
    from connector.preflight.loading import read
    from connector.preflight.surroundings import ready_drivers

    try:
        configuration = read(chosen(config), os.environ)
    except ConfigurationError as found:
        if not as_json:
            raise
        print_json(_verdict(found.problems))
        raise typer.Exit(EXIT_CONFIGURATION) from found
    values, problems = effective_values(configuration, os.environ), list[str]()
    try:
        ready_drivers(configuration.settings, os.environ)
    except ConfigurationError as found:
        problems = found.problems
    if as_json:
        shown = {value.key: {"value": value.value, "source": value.source} for value in values}
        deprecated = {"deprecated": configuration.settings.deprecations} if configuration.settings.deprecations else {}
        print_json({**_verdict(problems), **deprecated, "values": shown})
    else:
        print_table(("key", "effective", "set by"), [(value.key, json.dumps(value.value), value.source) for value in values])
        if configuration.settings.deprecations:
            print_problems(configuration.settings.deprecations, "Deprecated names, which the next version does not know")
        if problems:
            print_problems(problems, "The configuration fits together, but a server would not start")
    if problems:
        raise typer.Exit(EXIT_CONFIGURATION)


def _verdict(problems: list[str]) -> dict[str, Any]:
    return {"valid": False, "problems": problems} if problems else {"valid": True}
