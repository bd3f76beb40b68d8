"""Memory over the soak: one line for each server."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.plots import OWN, PEERS, WIDTH, write
from tests.soak.soak import Course

HEIGHT = 3.6
ROOM = 1.12
"""For the figure at the end of a line, and above the highest one."""


def draw(courses: Mapping[str, Course], file: Path) -> None:
    """Draw the lines, each with what it is called and where it ends."""
    mpl.rcParams.update({"svg.hashsalt": "soak", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    place = figure.subplots()
    for number, (name, course) in enumerate(courses.items()):
        requests, memory = [count / 1000 for count in course.memory], [*course.memory.values()]
        colour = PEERS if number else OWN
        place.plot(requests, memory, color=colour, linewidth=2, label=name)
        place.annotate(f" {memory[-1]:.0f} MB", (requests[-1], memory[-1]), va="center", color=colour)
    place.set_title("Memory of the server", loc="left", fontsize=10)
    place.set_xlabel("thousands of requests")
    place.set_ylabel("MB")
    place.set_xlim(0, ROOM * place.get_xlim()[1])
    place.set_ylim(0, ROOM * place.get_ylim()[1])
    place.spines[["top", "right"]].set_visible(False)
    place.grid(visible=True, alpha=0.25)
    place.legend(loc="upper left", frameon=False)
    write(figure, file)
