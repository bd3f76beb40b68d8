"""A real browser without a screen, and its windows."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from tests.provision import BROWSER_FOLDER, found

WITHIN = 60.0
"""Seconds that the browser may take to end."""


class BrowserProblem(Exception):
    """The browser did not do, or did not see, what a test wants; the message says why."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A running browser."""

    driver: "subprocess.Popen[str]"
    lock: Lock = field(default_factory=Lock)
    names: Iterator[int] = field(default_factory=count)

    async def does(self, command: str, **options: Any) -> Any:
        """Have the browser do something, and return its answer. Raises `BrowserProblem`."""
        return await asyncio.to_thread(self._ask, {"does": command, **options})

    @asynccontextmanager
    async def window(self, **options: Any) -> AsyncIterator["Window"]:
        """Open a window with cookies of its own."""
        window = Window(self, next(self.names))
        await window.does("open", **options)
        try:
            yield window
        finally:
            await window.does("close")

    def _ask(self, command: dict[str, Any]) -> Any:
        driver = self.driver
        if driver.stdin is None or driver.stdout is None:
            raise RuntimeError("it was started without pipes")
        with self.lock:
            driver.stdin.write(f"{json.dumps(command)}\n")
            driver.stdin.flush()
            answer = json.loads(driver.stdout.readline())
        if "problem" in answer:
            raise BrowserProblem(f"{command}: {answer['problem']}")
        return answer["value"]


@dataclass(frozen=True, slots=True)
class Window:
    """One window."""

    browser: Chromium
    name: int

    async def does(self, command: str, **options: Any) -> Any:
        """Do something in this window; see `browser/driver.mjs`."""
        return await self.browser.does(command, window=self.name, **options)

    async def goto(self, url: object) -> int:
        """Load a page, and return its status."""
        return int(await self.does("goto", url=str(url)))

    async def click(self, selector: str) -> None:
        """Click on something."""
        await self.does("click", selector=selector)

    async def see(self, text: str, selector: str = "body") -> None:
        """Wait until a text is seen."""
        await self.does("see", selector=selector, text=text)

    async def miss(self, text: str, selector: str) -> None:
        """Wait until nothing of this kind holds this text any more."""
        await self.does("miss", selector=selector, text=text)

    async def until(self, script: str) -> None:
        """Wait until a script says true."""
        await self.does("until", script=script)

    async def focused(self) -> str:
        """Return what has the focus: its id, or its text."""
        return str(await self.does("evaluate", script="document.activeElement.id || document.activeElement.innerText"))


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Run a browser."""
    command = ["node", str(BROWSER_FOLDER / "driver.mjs"), str(found("chromium"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(BROWSER_FOLDER)) as driver:
        try:
            yield Chromium(driver)
        finally:
            driver.communicate(timeout=WITHIN)
