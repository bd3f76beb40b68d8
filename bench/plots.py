"""The pictures: one SVG for a question, with a panel for each part of it, this project's own bars and lines in their colour."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bench.question import OURS, Panel, Question

WIDTH, PANEL, BAR, LINES = 8.0, 0.9, 0.28, 3.6
"""Inches: of the picture, and how tall a panel's frame, one of its bars, and a panel of lines are."""
OWN, PEERS = "#c4392b", "#7d97b5"
GREYS = ("#30506f", "#7d97b5", "#a8a8a8", "#c9a227", "#5e8d5a", "#8a6fa8", "#b07a54", "#4aa3a3")
DASHES = ("-", "--", ":")


def draw(question: Question, panels: Sequence[Panel], file: Path) -> None:
    """Write the picture. The same figures make the same file."""
    mpl.rcParams.update({"svg.hashsalt": question.name, "svg.fonttype": "none", "font.size": 9})
    heights = [LINES if _has_lines(panel) else PANEL + BAR * len(panel.series) for panel in panels]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, place in zip(panels, axes.flat, strict=True):
        _draw_panel(panel, place)
    write(figure, file)


def write(figure: Figure, file: Path) -> None:
    """Write a figure as SVG: the same one makes the same file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    file.write_text("".join(f"{line.rstrip()}\n" for line in file.read_text("utf-8").splitlines()), "utf-8")


def _draw_panel(panel: Panel, place: Axes) -> None:
    place.set_title(panel.title, loc="left", fontsize=10)
    place.spines[["top", "right"]].set_visible(False)
    place.grid(visible=True, axis="both" if _has_lines(panel) else "x", alpha=0.25)
    if _has_lines(panel):
        _draw_lines(panel, place)
    else:
        _draw_bars(panel, place)


def _draw_lines(panel: Panel, place: Axes) -> None:
    own = peers = 0
    for name, points in panel.series.items():
        if name.startswith(OURS):
            colour, dash, own = OWN, DASHES[own % len(DASHES)], own + 1
        else:
            colour, dash, peers = GREYS[peers % len(GREYS)], DASHES[peers // len(GREYS) % len(DASHES)], peers + 1
        place.plot([*points], [*points.values()], marker="o", markersize=3, color=colour, linestyle=dash, label=name)
    place.set_ylabel(panel.unit)
    place.set_yscale("log" if panel.logarithmic else "linear")
    place.yaxis.set_minor_formatter(NullFormatter())
    place.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)


def _draw_bars(panel: Panel, place: Axes) -> None:
    figures = {name: sum(points.values()) for name, points in panel.series.items()}
    names = sorted(figures, key=lambda name: -figures[name])
    place.barh(names, [figures[name] for name in names], color=[OWN if name.startswith(OURS) else PEERS for name in names])
    if panel.logarithmic and min(figures.values()) > 0:
        place.set_xscale("log")
        place.xaxis.set_minor_formatter(NullFormatter())
        place.set_xlim(min(figures.values()) / 3, max(figures.values()) * 4)
    else:
        place.set_xlim(0, max(figures.values()) * 1.15 or 1)
    for row, name in enumerate(names):
        place.annotate(f" {figures[name]:,.3g}", (figures[name], row), va="center", fontsize=8)
    place.set_xlabel(panel.unit)


def _has_lines(panel: Panel) -> bool:
    longest: Mapping[str, float] = max(panel.series.values(), key=len)
    return len(longest) > 1
