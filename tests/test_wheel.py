"""What `make release` builds works where nothing else is."""

from pathlib import Path

import pytest

from tests import wheel


@pytest.mark.slow
def test_the_wheel_serves_a_cleanup_in_an_empty_folder_without_extras(tmp_path: Path) -> None:
    wheel.main(tmp_path)
