"""`make release` tags nothing that is not ready."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connector

ROOT = Path(__file__).parent.parent
SOMEBODY = {f"GIT_{role}_{what}": "somebody@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
TAG = f"v{connector.__version__}"
SECTION = f"## {connector.__version__} - {datetime.now(UTC).date()}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with what a release looks at, ready for it but for the wheel."""
    for file in (".ci/release", "connector/version.py"):
        (tmp_path / file).parent.mkdir()
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "CHANGELOG.md").write_text(SECTION)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(project: Path, *command: str) -> str:
    return subprocess.check_output(["git", *command], cwd=project, env=os.environ | SOMEBODY, text=True)


def commit(project: Path) -> None:
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "a change")


def refused(project: Path) -> tuple[int, str]:
    """Try to release in vain, and return the exit code and what was said; nothing is tagged then."""
    tags = git(project, "tag")
    tried = subprocess.run([".ci/release"], cwd=project, env=os.environ | SOMEBODY, check=False, capture_output=True, text=True)
    assert git(project, "tag") == tags
    return tried.returncode, tried.stderr


def test_a_release_with_changes_that_are_not_committed_is_refused(project: Path) -> None:
    (project / "new").touch()

    exit_code, said = refused(project)
    assert (exit_code, "there are changes: commit them first" in said) == (1, True)


def test_a_release_with_an_end_system_that_fails_its_drill_is_refused(project: Path) -> None:
    (project / "docs").mkdir()
    (project / "docs" / "end-systems.md").write_text("| Trac | PyPI | `trac` | 1.6 | 2026-11-28 | fails: kill |\n")
    commit(project)

    exit_code, said = refused(project)
    assert (exit_code, "docs/end-systems.md has systems that fail" in said) == (1, True)


def test_a_release_without_its_section_in_the_changelog_is_refused(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("## Unreleased\n")
    commit(project)

    exit_code, said = refused(project)
    assert (exit_code, f"expected the line `{SECTION.strip()}`" in said) == (1, True)


def test_a_version_that_is_tagged_is_not_released_again(project: Path) -> None:
    git(project, "tag", "--annotate", TAG, "--message", "released")

    exit_code, said = refused(project)
    assert (exit_code, f"{TAG} is released already" in said) == (1, True)


def test_a_wheel_that_cannot_be_built_is_not_tagged(project: Path) -> None:
    """There is no environment here in which one could be built."""
    exit_code, said = refused(project)
    assert (exit_code, ".venv/bin/python" in said) == (127, True)
