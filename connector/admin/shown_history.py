"""What an administrator is shown of the last day, as values: the numbers of charts."""

import msgspec

from connector.telemetry.last_day import Point


class ShownHistory(msgspec.Struct, frozen=True):
    """What one server did, minute by minute. Another replica tells its own."""

    points: list[Point]
    """The minutes that have ended, the oldest first. The `at` of the last one is the `since` of the next question."""
    present: Point
    """The minute that has not ended yet."""
