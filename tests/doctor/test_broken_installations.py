"""What docs/doctor.md shows is what the doctor says, of a sound installation and of ten broken ones."""

import asyncio
from pathlib import Path

from tests.doctor import broken

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


async def test_the_page_shows_what_the_doctor_says_of_broken_installations() -> None:
    shown = await asyncio.to_thread(broken.page)

    assert shown == PAGE.read_text(), "`make docs` writes it anew"
