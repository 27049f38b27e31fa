"""The dashboard asks for metrics that there are, and says something about each of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "watchword.json").read_text(encoding="utf-8"))
EVENTS = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
PANELS = DASHBOARD["panels"]
BATCHES = "watchword_store_batches_total"  # has the labels of what is divided by it


def metrics() -> dict[str, str]:
    """Every metric of the reference page, with its type."""
    return dict(re.findall(r"^\| `(watchword_\w+)` \| (counter|gauge|histogram) \|", EVENTS, flags=re.MULTILINE))


def asked() -> set[str]:
    """Every series that a panel asks for."""
    return {
        name for panel in PANELS for target in panel["targets"] for name in re.findall(r"watchword_\w+", target["expr"])
    }


def test_every_series_belongs_to_a_metric_and_every_metric_is_shown() -> None:
    known = metrics()
    series = {f"{name}_bucket" if kind == "histogram" else name: name for name, kind in known.items()}

    assert set() == asked() - series.keys()
    assert known.keys() == {series[name] for name in asked()}


def test_every_label_that_a_panel_groups_by_or_names_is_one_that_its_metric_has() -> None:
    of_prometheus = {"le", "instance", "job"}
    for target in (target for panel in PANELS for target in panel["targets"]):
        (name,) = {*re.findall(r"watchword_\w+?(?=_bucket|[{\[) ])", target["expr"])} - {BATCHES}
        (line,) = re.findall(rf"^\| `{name}` \| \w+ \| ?([^|]*)\|", EVENTS, flags=re.MULTILINE)
        grouped = {label for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in by.split(", ")}
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert named <= grouped, target
        assert grouped <= {*re.findall(r"`(\w+)`", line), *of_prometheus}, target


def test_no_two_panels_share_a_number_or_a_place() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}

    assert len(PANELS) == len({panel["id"] for panel in PANELS}) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_counters_are_asked_for_as_rates() -> None:
    counters = {name for name, kind in metrics().items() if kind != "gauge"}
    for panel in PANELS:
        for target in panel["targets"]:
            for name in re.findall(r"watchword_\w+", target["expr"]):
                assert (name.removesuffix("_bucket") in counters) == (f"rate({name}" in target["expr"])
