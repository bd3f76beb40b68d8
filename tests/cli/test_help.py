"""The help of a command, as somebody at a terminal sees it."""

from pathlib import Path

import pytest

from tests.cli.terminal import at_a_terminal


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["backup"], "Ends with 65 if the file is there, and rows in it do not verify"),
        (["ledger", "copy"], "If the command is broken off, run it once more"),
    ],
)
async def test_a_paragraph_of_help_is_broken_only_where_the_terminal_ends(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    exit_code, shown = await at_a_terminal(*arguments, "--help", folder=tmp_path, columns=400)

    assert exit_code == 0
    assert sentence in shown
