"""The page on monitoring: its alarms ask for what there is, and one of them fires where a courier runs apart."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.test_dashboard import PANELS, metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
ALARMS = re.findall(r"^\| ([^|]+) \| `([^`]+)`[^|]* \|$", PAGE.partition("Worth an alarm:")[2], flags=re.MULTILINE)


def test_every_alarm_asks_for_a_metric_with_labels_that_it_has() -> None:
    known = metrics()
    labels = dict(re.findall(r"^\| `(watchword_\w+)` \| \w+ \| ?([^|]*)\|", EVENTS, flags=re.MULTILINE))
    for _, expression in ALARMS:
        for name, asked in re.findall(r"(watchword_\w+?)(?:_bucket)?(?:\{([^}]*)\})?(?=[ \[)]|$)", expression):
            assert name in known, expression
            assert set(re.findall(r"(\w+)=", asked)) <= set(re.findall(r"`(\w+)`", labels[name])), expression
    assert len(ALARMS) >= 9


def test_an_alarm_on_deliveries_says_that_it_is_for_a_service_that_delivers_and_another_is_for_the_rest() -> None:
    on_deliveries = [what for what, expression in ALARMS if "watchword_deliveries_total" in expression]
    on_refusals = [expression for what, expression in ALARMS if "the relay refuses, wherever" in what]

    assert ["the relay refuses, where `serve` delivers"] == on_deliveries
    assert on_refusals
    assert all("watchword_verifications_total" in expression for expression in on_refusals)
    assert any("watchword_outbox_age_seconds" in expression and "no courier" in what for what, expression in ALARMS)


def test_the_panel_of_deliveries_says_when_it_is_empty() -> None:
    (panel,) = [each for each in PANELS if "watchword_deliveries_total" in each["targets"][0]["expr"]]
    assert "where a courier runs apart" in panel["description"]
