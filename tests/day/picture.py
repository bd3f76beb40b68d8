"""The day as a picture: how many logins the end system counts, with and without the reaper."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.plots import OWN, PEERS, WIDTH, write
from tests.day.course import AWAY, HOUR, KILLS, Day
from tests.day.traffic import FIRST

HEIGHT = 3.6
LICENSED = "#3a7d44"
ROOM = 1.15
"""Above the highest line."""


def draw(days: Mapping[str, Day], file: Path) -> None:
    """Draw a line for each day, the first in the colour of this project's own, and one for each licence."""
    mpl.rcParams.update({"svg.hashsalt": "day", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    place = figure.subplots()
    for colour, (name, day) in zip((OWN, PEERS, LICENSED), days.items(), strict=True):
        place.plot([*day.alive], [*day.alive.values()], color=colour, linewidth=2, label=name)
        if day.licence is not None:
            place.axhline(day.licence, color=LICENSED, linewidth=1, linestyle="--", label=f"a licence for {day.licence}")
    top = ROOM * place.get_ylim()[1]
    for begin, end in AWAY:
        place.axvspan(begin / HOUR, end / HOUR, color="0.9", label="the end system is away" if begin == AWAY[0][0] else None)
    for kill in KILLS:
        place.axvline(kill / HOUR, color="0.4", linestyle=":", label="the server is killed" if kill == KILLS[0] else None)
    place.set_title("Logins that are alive, as the end system counts them", loc="left", fontsize=10)
    place.set_xlabel("hour of the day")
    place.set_ylabel("logins")
    place.set_xlim(FIRST / HOUR, 24)
    place.set_xticks(range(4, 25, 2))
    place.set_ylim(0, top)
    place.spines[["top", "right"]].set_visible(False)
    place.grid(visible=True, alpha=0.25)
    place.legend(loc="upper right", frameon=False)
    write(figure, file)
