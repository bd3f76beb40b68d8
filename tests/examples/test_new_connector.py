"""`connector new` in an empty folder: what it makes runs, passes its own tests, and breaks no rule of OpsHub."""

import runpy
import sys
from pathlib import Path

import pytest

from connector.cli import new
from connector.testing import served
from tests.cli.command import connector
from tests.examples.running import running
from tests.examples.test_tutorial import run

PYTHON = Path(sys.executable).name


async def made(folder: Path) -> Path:
    ended = await connector("new", folder, folder=folder.parent)
    assert ended.exit_code == 0, ended.err
    return folder


async def test_the_tests_of_a_new_connector_pass_at_once(tmp_path: Path) -> None:
    folder = await made(tmp_path / "my-tool")

    assert "4 passed" in await run(f"{PYTHON} -m pytest", folder)


async def test_a_new_connector_breaks_no_rule_of_opshub(tmp_path: Path) -> None:
    folder = await made(tmp_path / "my-tool")
    calls = "--call 'GET /projects' --call 'GET /issues'"

    async with served(runpy.run_path(str(folder / "tool.py"))["Tool"]().application()) as tool:
        settings = folder / "system.toml"
        settings.write_text(settings.read_text("utf-8").replace("http://127.0.0.1:8917", tool))
        with running(folder, [tool]) as url:
            printed = await run(f"TOOL_PASSWORD=secret connector rehearse {url} --settings system.toml {calls}", folder)

    assert "fail: 0" in printed


def test_a_new_connector_is_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "My Tool_2"
    new.new(folder)

    assert 'name = "my-tool-2"' in (folder / "config.toml").read_text("utf-8")


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore", "Dockerfile", "README.md", "requirements.txt"])
async def test_a_new_connector_has_what_a_repository_and_a_container_need(tmp_path: Path, name: str) -> None:
    folder = await made(tmp_path / "my-tool")

    assert "${" not in (folder / name).read_text("utf-8")


async def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("mine")

    ended = await connector("new", tmp_path, folder=tmp_path)

    assert ended.exit_code == 78
    assert "expected a folder that is empty, or not there yet" in ended.err
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("app.py", "mine")]


def test_every_template_is_of_a_file_that_is_made() -> None:
    folder = Path(new.__file__).parent / "new-connector"
    templates = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}

    assert templates == {f"{name}.template" for name in new.FILES}
