"""The other commands of `connector`. A command imports what it works with when it runs, so that each starts quickly."""

import inspect

import typer

from connector.cli import (
    audit_command,
    backup_commands,
    cache_commands,
    check_config,
    console_command,
    doctor,
    drain,
    keys_commands,
    ledger_commands,
    new,
    owed_commands,
    profiles,
    rehearse,
    sessions_commands,
    status,
)


def add_commands(app: typer.Typer) -> None:
    """Add every command but `serve`."""
    app.command()(new.new)
    app.command()(check_config.check_config)
    app.command()(doctor.doctor)
    app.command()(status.status)
    app.command()(drain.drain)
    app.command()(audit_command.audit)
    app.command()(console_command.console)
    app.command()(rehearse.rehearse)
    app.command()(backup_commands.backup)
    app.command()(backup_commands.restore)
    app.add_typer(owed_commands.app, name="owed")
    app.add_typer(sessions_commands.app, name="sessions")
    app.add_typer(cache_commands.app, name="cache")
    app.add_typer(profiles.app, name="profiles")
    app.add_typer(ledger_commands.app, name="ledger")
    app.add_typer(keys_commands.app, name="keys")
    _join_lines(app)


def _join_lines(app: typer.Typer) -> None:
    """Make one line of each paragraph of a command's help, because Typer does so with the first one alone."""
    for command in app.registered_commands:
        paragraphs = (command.help or inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _join_lines(group.typer_instance)
