"""The page on monitoring: its alarms ask for what there is, and one of them fires where a courier runs apart."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

from tests.docs.test_dashboard import PANELS, metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
ALARMS = re.findall(r"^\| ([^|]+) \| `([^`]+)`[^|]* \|$", PAGE.partition("Worth an alarm:")[2], flags=re.MULTILINE)


def test_every_alarm_asks_for_a_metric_with_labels_that_it_has() -> None:
    known = metrics()
    labels = dict(re.findall(r"^\| `(watchword_\w+)` \| \w+ \| ?([^|]*)\|", EVENTS, flags=re.MULTILINE))
    for _, expression in ALARMS:
        grouped = {label for labelled in re.findall(r"by \(([^)]*)\)", expression) for label in labelled.split(", ")}
        for name, asked in re.findall(r"(watchword_\w+?)(?:_bucket)?(?:\{([^}]*)\})?(?=[ \[)]|$)", expression):
            assert name in known, expression
            wanted = {*re.findall(r"(\w+)=", asked), *grouped - {"le"}}
            assert wanted <= set(re.findall(r"`(\w+)`", labels[name])), expression
    assert len(ALARMS) >= 9


def test_an_alarm_on_deliveries_is_for_whoever_delivers_and_another_for_a_courier_that_is_not_scraped() -> None:
    on_deliveries = [what for what, expression in ALARMS if "watchword_deliveries_total" in expression]
    on_refusals = [expression for what, expression in ALARMS if "where a courier is not scraped" in what]

    assert ["the relay refuses"] == on_deliveries
    assert on_refusals
    assert all("watchword_verifications_total" in expression for expression in on_refusals)
    assert any("watchword_outbox_age_seconds" in expression and "no courier" in what for what, expression in ALARMS)


def test_the_panel_of_deliveries_says_when_it_is_empty() -> None:
    (panel,) = [each for each in PANELS if "watchword_deliveries_total" in each["targets"][0]["expr"]]
    assert "where a courier runs apart" in panel["description"]


def test_what_is_scraped_is_where_the_unit_and_the_containers_are() -> None:
    (block,) = re.findall(r"^```yaml\n(.+?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    jobs = {
        each["job_name"]: each["static_configs"][0]["targets"]
        for each in YAML(typ="safe").load(block)["scrape_configs"]
    }
    published = YAML(typ="safe").load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    unit = (ROOT / "deploy" / "watchword-courier.service").read_text(encoding="utf-8")

    for name in ("serve", "courier"):
        (target,) = jobs[f"watchword-{name}"]
        assert [f"{target}:8000"] == published[name]["ports"]
    assert f"courier --bind {jobs['watchword-courier'][0]}\n" in unit
    assert any('job="watchword-courier"' in expression for _, expression in ALARMS)
