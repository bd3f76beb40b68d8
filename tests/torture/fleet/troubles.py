"""What was done to a fleet, and for how long that excuses what clients see."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf

from tests.torture.life.calls import now


@dataclass(slots=True)
class Trouble:
    """One thing that was done."""

    what: str
    began: float
    recovers: float
    """Seconds after its end for which it is an excuse."""
    ended: float = inf

    @property
    def over(self) -> float:
        return self.ended + self.recovers

    def __str__(self) -> str:
        return f"{self.what} from {self.began:.3f} to {self.ended:.3f}, excuses until {self.over:.3f}"


@dataclass(slots=True)
class Troubles:
    """All that was done, in its order."""

    all: list[Trouble] = field(default_factory=list)

    @contextmanager
    def made(self, what: str, recovers: float) -> Iterator[None]:
        """Note that something is done while the context is open."""
        trouble = self.begun(what, recovers)
        try:
            yield
        finally:
            trouble.ended = now()

    def begun(self, what: str, recovers: float) -> Trouble:
        """Note that something is done from now on."""
        self.all.append(Trouble(what, now(), recovers))
        return self.all[-1]

    def excuse(self, since: float, until: float) -> bool:
        """Tell whether something was wrong at some time between two moments, or had just been."""
        return self.last_excuse(since, until) is not None

    def last_excuse(self, since: float, until: float) -> Trouble | None:
        """Return what was done last that may be to blame for what went wrong between two moments."""
        return next((trouble for trouble in reversed(self.all) if trouble.began <= until and since <= trouble.over), None)
