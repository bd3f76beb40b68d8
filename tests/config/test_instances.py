"""Storage instances: found by name, checked against their class, and made of what was checked."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from connector.preflight.drivers import build_drivers
from drivers.memory import MemoryDriver
from tests.config.notebook import Notebook, NotebookSettings
from tests.config.reading import NOTEBOOK, configuration, problems


def test_drivers_are_made_in_the_configured_order_each_with_its_name_and_settings(tmp_path: Path) -> None:
    settings = configuration(tmp_path, NOTEBOOK + "pages = 7").settings

    memory, notes = build_drivers(settings.storage)

    assert (type(memory), memory.name) == (MemoryDriver, "memory")
    assert (type(notes), notes.name, notes.settings) == (Notebook, "notes", NotebookSettings(pages=7))


def test_variables_set_the_keys_of_an_instance_in_the_types_of_its_driver(tmp_path: Path) -> None:
    environ = {
        "CONNECTOR__STORAGE__DRIVERS": "notes",
        "CONNECTOR__STORAGE__NOTES__DRIVER": "tests.config.notebook.Notebook",
        "CONNECTOR__STORAGE__NOTES__PAGES": "7",
        "CONNECTOR__STORAGE__NOTES__TAGS": "a,b",
        "CONNECTOR__STORAGE__NOTES__COVER": "/tmp/cover",
        "CONNECTOR__STORAGE__NOTES__PASSWORD": "12345",
    }

    (notes,) = build_drivers(configuration(tmp_path, "", environ).settings.storage)

    assert notes.settings == NotebookSettings(pages=7, tags=("a", "b"), cover=Path("/tmp/cover"), password=SecretStr("12345"))


def test_all_problems_of_all_instances_are_named_at_once(tmp_path: Path) -> None:
    toml = """
    storage.drivers = ["memory", "notes", "memory", "memry", "bad", "empty"]
    storage.deadline = 5
    [storage.memory]
    max_entry = 1
    [storage.notes]
    driver = "tests.config.notebook.Notebook"
    pages = 501
    page = 5
    owner = "42"
    text = "nowhere"
    tags = ["a", "b", "c", "d"]
    [storage.bad]
    driver = "tests.config.nowhere.Driver"
    [storage.empty]
    [storage.Big-Name]
    driver = "memory"
    """

    kinds = "expected memory, sqlite, aiocache, or the dotted path of a class that derives from `drivers.Driver`"
    assert sorted(problems(tmp_path, toml)) == [
        "storage.Big-Name: expected an instance's name of lower-case letters, digits and single underscores (config.toml)",
        f"storage.bad.driver: {kinds} (config.toml)",
        "storage.deadline: unknown key; did you mean `deadlines`? (config.toml)",
        "storage.drivers[2]: is there twice (config.toml)",
        "storage.drivers[3]: names no instance; did you mean `memory`? (config.toml)",
        f"storage.empty.driver: is missing; {kinds}",
        "storage.memory.max_entry: unknown key; did you mean `max_entries`? (config.toml)",
        "storage.notes.owner: expected text that matches `[a-z]+` (config.toml)",
        "storage.notes.page: unknown key; did you mean `pages`? (config.toml)",
        "storage.notes.pages: expected a whole number from 1 to 500 (config.toml)",
        "storage.notes.tags: expected at most three (config.toml)",
        "storage.notes.text: expected the path of a file that is there (config.toml)",
    ]


@pytest.mark.parametrize("driver", ["5", "'json.JSONDecoder'", "'json'", "''", "'.'", "'..x'", "'json.nothing'", "['memory']"])
def test_what_is_no_driver_class_is_refused(tmp_path: Path, driver: str) -> None:
    (line,) = problems(tmp_path, f"[storage.notes]\ndriver = {driver}")

    assert line.startswith("storage.notes.driver: expected memory, sqlite, aiocache, or the dotted path of a class")


def test_a_driver_whose_own_requirement_is_missing_says_which(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[storage.notes]\ndriver = 'tests.config.unequipped.Driver'")

    assert line == "storage.notes.driver: its module needs `a_package_that_nobody_has`, which is not installed (config.toml)"


def test_an_instance_that_is_not_used_is_checked_and_not_made(tmp_path: Path) -> None:
    found = configuration(tmp_path, NOTEBOOK, {"CONNECTOR__STORAGE__DRIVERS": "memory"})

    assert [driver.name for driver in build_drivers(found.settings.storage)] == ["memory"]
    assert "notes" in found.instances


def test_a_secret_in_the_file_is_a_problem_even_if_a_variable_wins(tmp_path: Path) -> None:
    toml = NOTEBOOK + "password = 'hunter2'\n[end_system]\nproxy = 'http://me:hunter2@proxy'"

    assert problems(tmp_path, toml, {"CONNECTOR__STORAGE__NOTES__PASSWORD": "x"}) == [
        "storage.notes.password: is a secret and has no place in config.toml; set CONNECTOR__STORAGE__NOTES__PASSWORD instead"
    ]
    assert problems(tmp_path, toml.replace("password =", "# "), {}) == [
        "end_system.proxy: holds a password, which has no place in config.toml; set CONNECTOR__END_SYSTEM__PROXY instead"
    ]
