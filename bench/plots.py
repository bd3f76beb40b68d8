"""The pictures: one SVG for a question, with a panel for each part of it, ours in one colour, the limit in another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.numbers import short, written
from bench.question import OURS, Panel, Question

WIDTH, PANEL, BAR, LINES = 8.0, 0.9, 0.28, 3.6
"""Inches: of the picture, and how tall a panel's frame, one of its bars, and a panel of lines are."""
OWN, LIMIT, PEERS, GOAL = "#c4392b", "#3a7d44", "#7d97b5", "#555555"
FAR = 30
"""How many times as large as the smallest figure the largest is, where an axis has to be logarithmic."""
GREYS = ("#30506f", "#7d97b5", "#a8a8a8", "#c9a227", "#2f2f2f", "#8a6fa8", "#b07a54", "#4aa3a3")
NUMBER = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
"""The ground of a bar's number, on which no line of the grid crosses it."""
DASHES = ("-", "--", ":")


def draw(question: Question, panels: Sequence[Panel], file: Path) -> None:
    """Write the picture. The same figures make the same file."""
    mpl.rcParams.update({"svg.hashsalt": question.name, "svg.fonttype": "none", "font.size": 9})
    heights = [LINES if _has_lines(panel) else PANEL + BAR * len(panel.series) for panel in panels]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, place in zip(panels, axes.flat, strict=True):
        _draw_panel(panel, place, question.limits)
    write(figure, file)


def write(figure: Figure, file: Path) -> None:
    """Write a figure as SVG: the same one makes the same file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    file.write_text("".join(f"{line.rstrip()}\n" for line in file.read_text("utf-8").splitlines()), "utf-8")


def _draw_panel(panel: Panel, place: Axes, limits: Sequence[str]) -> None:
    place.set_title(panel.title, loc="left", fontsize=10)
    place.spines[["top", "right"]].set_visible(False)
    place.grid(visible=True, axis="both" if _has_lines(panel) else "x", alpha=0.25)
    if _has_lines(panel):
        _draw_lines(panel, place, limits)
    else:
        _draw_bars(panel, place, limits)


def _draw_lines(panel: Panel, place: Axes, limits: Sequence[str]) -> None:
    own = peers = 0
    for name, points in panel.series.items():
        if name.startswith(OURS):
            colour, dash, own = OWN, DASHES[own % len(DASHES)], own + 1
        elif name in limits:
            colour, dash = LIMIT, "-"
        else:
            colour, dash, peers = GREYS[peers % len(GREYS)], DASHES[peers // len(GREYS) % len(DASHES)], peers + 1
        place.plot([*points], [*points.values()], marker="o", markersize=3, color=colour, linestyle=dash, label=name)
    place.set_ylabel(panel.unit)
    figures = [figure for points in panel.series.values() for figure in points.values()]
    _scale(place, panel, figures, across=False)
    place.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)


def _draw_bars(panel: Panel, place: Axes, limits: Sequence[str]) -> None:
    figures = {name: sum(points.values()) for name, points in panel.series.items()}
    names = [*figures] if panel.is_in_order else sorted(figures, key=lambda name: _rank(name, limits))
    place.barh(names, [figures[name] for name in names], color=[_colour(name, limits) for name in names])
    place.invert_yaxis()
    _scale(place, panel, [*figures.values()], across=True)
    for row, name in enumerate(names):
        place.annotate(
            short(figures[name]), (figures[name], row), (3, 0), textcoords="offset points", bbox=NUMBER, va="center", fontsize=8
        )
    if panel.goal:
        place.axvline(panel.goal, color=GOAL, linewidth=1, linestyle="--", zorder=0)
    place.set_xlabel(f"{panel.unit}; dashed: the goal" if panel.goal else panel.unit)


def _rank(name: str, limits: Sequence[str]) -> tuple[bool, bool, str]:
    """Put ours first, then the limits, then all others by name: the same order in each picture."""
    return not name.startswith(OURS), name not in limits, name


def _colour(name: str, limits: Sequence[str]) -> str:
    if name.startswith(OURS):
        return OWN
    return LIMIT if name in limits else PEERS


def _scale(place: Axes, panel: Panel, figures: Sequence[float], *, across: bool) -> None:
    """Begin at 0, unless the figures are so far apart that the smaller ones would not be seen."""
    shown = [*figures, panel.goal] if panel.goal else [*figures]
    smallest, largest = min(shown), max(shown)
    is_far = panel.logarithmic and smallest > 0 and largest / smallest > FAR
    scale, ends = ("log", (smallest / 3, largest * 4)) if is_far else ("linear", (0, largest * 1.15 or 1))
    if across:
        place.set_xscale(scale)
        place.set_xlim(*ends)
    else:
        place.set_yscale(scale)
        place.set_ylim(*ends)
    axis = place.xaxis if across else place.yaxis
    axis.set_major_formatter(FuncFormatter(lambda figure, _: written(figure)))
    axis.set_minor_formatter(NullFormatter())


def _has_lines(panel: Panel) -> bool:
    longest: Mapping[str, float] = max(panel.series.values(), key=len)
    return len(longest) > 1
