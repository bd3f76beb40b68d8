"""A clock that a test turns forward."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class TimeAhead:
    """Tells the real time and so many seconds more."""

    seconds: float = 0

    def __call__(self) -> float:
        return time.time() + self.seconds
