"""What is written about the metrics is about metrics that exist."""

import json
import re
from pathlib import Path

import pytest

from tests.metrics.exposition import samples
from tests.metrics.filled import filled

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = DOCS / "grafana-dashboard.json"
NAME = re.compile(r"\b(?:connector|process)_[a-z_]*[a-z]\b")
OF_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


async def existing() -> set[str]:
    """The names of all samples; when a figure began to be counted is of no interest."""
    return {name for name, _ in samples((await filled()).exposition().decode()) if not name.endswith("_created")}


@pytest.mark.parametrize("document", ["alerts.yml", "grafana-dashboard.json", "operations.md"])
async def test_a_document_names_only_metrics_that_exist(document: str) -> None:
    named = {*NAME.findall((DOCS / document).read_text("utf-8"))}
    assert named
    assert named <= await existing()


async def test_every_metric_of_ours_is_explained_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "metrics.md").read_text("utf-8"), re.MULTILINE)
    assert {*rows} == {OF_HISTOGRAM.sub("", name) for name in await existing() if name.startswith("connector_")}


async def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    ours = {OF_HISTOGRAM.sub("", name) for name in await existing() if name.startswith("connector_")}
    shown = {OF_HISTOGRAM.sub("", name) for name in NAME.findall(DASHBOARD.read_text("utf-8"))}
    assert ours - shown == set()


def test_every_panel_of_the_dashboard_has_a_place_of_its_own_and_asks_for_something() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    tiles = [
        (place["x"] + right, place["y"] + down)
        for place in (panel["gridPos"] for panel in panels)
        for right in range(place["w"])
        for down in range(place["h"])
    ]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({*tiles}) == len(tiles)
    assert max(x for x, _ in tiles) < 24
    assert all(target["expr"] for panel in panels for target in panel["targets"])
