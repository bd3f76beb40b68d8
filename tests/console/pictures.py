"""Take the pictures of the console that its page shows: `python -m tests.console.pictures`, or with a folder for all of them.

They are of a server in the middle of a day. It takes Debian's Chromium, as the tests do.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from yarl import URL

from tests.console.chromium import Window, chromium
from tests.console.inhabited import inhabited
from tests.console.visitor import link_of

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SHOWN = ("console-sessions-light.png", "console-charts-dark.png", "console-caches-light.png", "console-dialog-phone.png")
"""Those that `docs/console.md` shows."""
PAGES = {"overview": "", "sessions": "sessions", "owed": "owed", "caches": "caches", "charts": "charts", "audit": "audit"}
SIZES = {"light": (1200, 760, "light"), "dark": (1200, 760, "dark"), "phone": (390, 844, "light")}
DIALOG = "dialog[open]"


async def main(folder: Path | None) -> None:
    """Take them all into a folder; without one, those that are shown into the documentation's."""
    with TemporaryDirectory() as place, chromium() as browser:
        async with inhabited(Path(place)) as server:
            for kind, (width, height, scheme) in SIZES.items():
                async with browser.window(width=width, height=height, scheme=scheme) as window:
                    await window.goto(await link_of(server))
                    await window.see("Open sessions")
                    await _take(window, kind, folder)


async def _take(window: Window, kind: str, folder: Path | None) -> None:
    base = URL(await window.does("url")).with_query(None)
    for name, path in PAGES.items():
        await window.goto(f"{base}{path}")
        await window.see("open", "#state a")
        if name == "charts":
            await window.until("document.querySelectorAll('.chart canvas').length === 4")
        await _picture(window, f"console-{name}-{kind}.png", folder)
    await window.goto(f"{base}sessions")
    await window.see("open", "#state a")
    await window.click('a.button:has-text("Close …")')
    await window.see("Close this session?", DIALOG)
    await _picture(window, f"console-dialog-{kind}.png", folder)


async def _picture(window: Window, name: str, folder: Path | None) -> None:
    if folder is not None:
        await window.does("picture", path=str(folder / name), whole="dialog" not in name)
    elif name in SHOWN:
        await window.does("picture", path=str(PICTURES / name))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
