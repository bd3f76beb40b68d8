"""What the project says of itself in several places is the same everywhere."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import connector

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PLACE = re.compile(r"\b(?:connector|drivers|tests|docs)/[\w./-]*\w")


def supported() -> range:
    """The minor versions of Python 3 that `requires-python` permits."""
    bounds = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["project"]["requires-python"])
    assert bounds
    return range(int(bounds[1]), int(bounds[2]))


def test_the_installer_takes_every_supported_python_and_the_newest_first() -> None:
    installer = (ROOT / ".ci" / "install").read_text("utf-8")
    first, last = supported()[0], supported()[-1]

    assert f"(3, {first}) <= sys.version_info[:2] <= (3, {last})" in installer
    assert " ".join(f"python3.{minor}" for minor in reversed(supported())) in installer
    assert f"Python 3.{first} to 3.{last} is needed" in installer


def test_the_readme_and_the_tutorial_name_the_supported_pythons() -> None:
    said = f"Python 3.{supported()[0]} to 3.{supported()[-1]}"

    assert all(said in (ROOT / page).read_text("utf-8") for page in ("README.md", "docs/tutorial.md", "constraints.txt"))


def test_the_classifiers_name_the_supported_pythons() -> None:
    named = [line.rpartition(" :: ")[2] for line in PROJECT["project"]["classifiers"] if ":: Python :: 3." in line]

    assert named == [f"3.{minor}" for minor in supported()]


def test_the_version_that_is_installed_is_the_one_that_the_package_states() -> None:
    """Otherwise `.venv` is older than the version: `make clean` and set it up again."""
    assert connector.__version__ == version("opshub-connector-session")


def test_types_and_style_are_checked_for_the_oldest_supported_python() -> None:
    assert PROJECT["tool"]["mypy"]["python_version"] == f"3.{supported()[0]}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{supported()[0]}"


def test_what_one_target_leaves_out_the_other_one_runs_and_ci_runs_both() -> None:
    makefile, ci = ((ROOT / file).read_text("utf-8") for file in ("Makefile", ".ci/run"))
    chosen = re.findall(r'^(\w+): .*\n(?:\t.*\n)*?\t@\$\(PYTEST\) -m ("not slow"|slow) .*\$\(ARGS\)$', makefile, re.MULTILINE)

    assert chosen == [("test", '"not slow"'), ("verify", "slow")]
    assert "make check test verify" in ci


def test_a_commit_is_checked_by_the_tools_of_make_check() -> None:
    makefile, hooks = ((ROOT / file).read_text("utf-8") for file in ("Makefile", ".pre-commit-config.yaml"))
    recipe = re.search(r"^check: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe

    assert re.findall(r"entry: \.venv/bin/(.*)", hooks) == re.findall(r"@\$\(BIN\)/(.*)", recipe[1])


def test_a_test_gets_its_terminal_where_the_machine_may_have_none() -> None:
    direct = [file for file in (ROOT / "tests").rglob("*.py") if re.search(r"\b(openpty|pty\.fork)\(", file.read_text("utf-8"))]

    assert [file.relative_to(ROOT).as_posix() for file in direct] == ["tests/cli/terminal.py"]


def test_what_a_machine_lacks_fails_a_test_in_ci_instead_of_skipping_it() -> None:
    """`do_without` decides. Some machines cannot have what a test needs: there is no build for them, or no such Python."""
    may_skip = {"tests/conftest.py", "tests/e2e/test_real_systems.py"}
    skips = re.compile(r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|xfail)\b")
    skipping = {
        file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("*.py") if skips.search(file.read_text("utf-8"))
    }

    assert skipping - {"tests/test_project.py"} == may_skip


def test_no_test_starts_a_command_that_a_bare_system_lacks() -> None:
    lacking = re.compile(r"""["'](ps|pgrep|pkill|lsof|ip|ss|netstat|killall)["'],""")
    starting = [file for file in (ROOT / "tests").rglob("*.py") if lacking.search(file.read_text("utf-8"))]

    assert [file.relative_to(ROOT).as_posix() for file in starting] == ["tests/processes.py"]


def useless_deadlines(code: str) -> Iterator[str]:
    """Yield the names of fixtures that set a deadline while a test has what they yield.

    It would end nothing: it is that of the task that has made the fixture, which is over by then.
    """
    for made in ast.walk(ast.parse(code)):
        if isinstance(made, ast.AsyncFunctionDef) and any("fixture" in ast.unparse(each) for each in made.decorator_list):
            for block in ast.walk(made):
                deadlines = isinstance(block, ast.AsyncWith) and "asyncio.timeout(" in ", ".join(map(ast.unparse, block.items))
                if deadlines and any(isinstance(each, ast.Yield) for each in ast.walk(block)):
                    yield made.name


def test_no_fixture_sets_a_deadline_that_would_end_nothing() -> None:
    useless = "@pytest.fixture\nasync def desk():\n async with Desk() as made, asyncio.timeout(1):\n  yield made"
    files = [file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("*.py")]

    assert [*useless_deadlines(useless)] == ["desk"]
    assert {file: found for file in files if (found := [*useless_deadlines((ROOT / file).read_text("utf-8"))])} == {}


def test_every_place_that_a_newcomer_is_sent_to_is_there() -> None:
    pages = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs" / "adr").iterdir()]
    places = {place for page in pages for place in PLACE.findall(page.read_text("utf-8"))}

    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []
