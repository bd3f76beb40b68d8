"""The reference page says what the settings classes say."""

from pathlib import Path

from connector.config.fields import leaves
from connector.config.settings import Settings
from connector.config.sources import variable_name
from connector.preflight.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "`make docs` writes it anew"


def test_the_page_says_of_every_key_what_it_means() -> None:
    rows = [line.split(" | ") for line in reference().splitlines() if line.endswith("` |")]
    meanings = {variable.strip("` |"): meaning for *_, meaning, variable in rows}

    assert [path for path, _ in leaves(Settings) if not meanings[variable_name(path)].strip()] == []
