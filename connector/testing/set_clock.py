"""A clock for an author's tests."""

START = 1_800_000_000.0
"""Seconds since the epoch: some day in 2027."""


class Clock:
    """A clock that only a test moves: for `create_app(clock=clock)`, and for `session_without_server(clock=clock)`.

    An application looks within a second whether something that it owes is due by this clock.
    """

    now: float
    """Seconds since the epoch."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return `now`."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
