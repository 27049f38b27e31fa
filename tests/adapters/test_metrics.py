"""Metrics: what is counted, what Prometheus is shown, and the sum over workers that never goes backwards."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from watchword.adapters import metrics
from watchword.adapters.batch import ENDS, Batcher, figures
from watchword.adapters.metrics import Metrics

SPAWN = multiprocessing.get_context("spawn")
REQUEST = {"method": "POST", "route": "/v1/verifications", "status": 201, "app": "ap_x", "client": "127.0.0.1"}


def counted(facts: dict[str, float] | None = None, directory: Path | None = None) -> Metrics:
    return Metrics(lambda: {"sqlite": facts or {}}, directory)


def shown(source: Metrics, name: str, **labels: str) -> float:
    """The one sample of that name with those labels, 0 where there is none."""
    families = text_string_to_metric_families(source.render().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def count_elsewhere(directory: Path, requests: int, queued: float) -> None:
    """What another worker does: count, publish, end."""
    other = counted({"queue_depth": queued, "batches": 10}, directory)
    for _ in range(requests):
        other.record("http.request", ms=1, **REQUEST)
    other.publish()


def in_another_process(directory: Path, requests: int, queued: float = 0) -> None:
    process = SPAWN.Process(target=count_elsewhere, args=(directory, requests, queued))
    process.start()
    process.join()
    assert 0 == process.exitcode


def test_requests_are_counted_by_route_method_and_status() -> None:
    source = counted()
    for status in (201, 201, 422):
        source.record("http.request", ms=1.5, **(REQUEST | {"status": status}))

    name, labels = "watchword_http_requests_total", {"route": "/v1/verifications", "method": "POST"}
    assert 2 == shown(source, name, status="201", **labels)
    assert 1 == shown(source, name, status="422", **labels)


@pytest.mark.parametrize(("milliseconds", "le"), [(0.2, "0.001"), (1, "0.001"), (1.01, "0.0025"), (99_999, "+Inf")])
def test_a_request_falls_into_the_first_bucket_that_holds_it(milliseconds: float, le: str) -> None:
    source = counted()
    source.record("http.request", ms=milliseconds, **REQUEST)

    name = "watchword_http_request_seconds"
    bounds = [str(end / 1_000) for end in metrics.BUCKETS] + ["+Inf"]
    cumulated = [shown(source, f"{name}_bucket", le=bound) for bound in bounds]
    assert [float(bounds.index(bound) >= bounds.index(le)) for bound in bounds] == cumulated
    assert 1 == shown(source, f"{name}_count")
    assert milliseconds / 1_000 == pytest.approx(shown(source, f"{name}_sum"))


def test_verifications_and_deliveries_have_their_own_counters() -> None:
    source = counted()
    source.record("verification.refused", channel="email", purpose="login", reason="mismatch", verification="vf_x")
    source.record("delivery.sent", transport="T1", reason="", tries=1)
    source.record("purge.done", rows=7)

    labels = {"event": "refused", "reason": "mismatch", "channel": "email", "purpose": "login"}
    assert 1 == shown(source, "watchword_verifications_total", **labels)
    assert 1 == shown(source, "watchword_deliveries_total", status="sent", transport="T1")
    assert 1 == shown(source, "watchword_events_total", event="purge.done")


def test_the_store_and_the_outbox_are_shown() -> None:
    source = counted({"queue_depth": 3, "batches": 5, "operations": 70})
    source.note_backlog(4)

    assert 3 == shown(source, "watchword_store_queue_depth")
    assert 5 == shown(source, "watchword_store_batches_total")
    assert 70 == shown(source, "watchword_store_operations_total")
    assert 4 == shown(source, "watchword_outbox_due")
    assert 1 == shown(source, "watchword_workers")


def test_round_trips_to_the_store_fall_into_buckets_and_the_outbox_has_an_age() -> None:
    async def two(operations: Sequence[float]) -> Sequence[float]:
        return operations

    async def journey() -> Metrics:
        batcher = Batcher(two)
        assert [1.0] == [await batcher.submit(1.0)]
        batcher.took[:] = [1.0, 0.0, 2.0, *[0.0] * (len(ENDS) - 2), 9.5]
        return Metrics(lambda: {"sqlite": figures(batcher, batcher)})

    source = asyncio.run(journey())
    source.note_backlog(1, 2_500)

    name = "watchword_store_batch_seconds"
    assert (2, 2, 6, 6) == tuple(shown(source, f"{name}_bucket", le=le) for le in ("0.0005", "0.001", "0.0025", "+Inf"))
    assert 0.019 == pytest.approx(shown(source, f"{name}_sum"))
    assert 2.5 == shown(source, "watchword_outbox_age_seconds")


def test_two_stores_are_told_from_each_other() -> None:
    fast, durable = ({"queue_depth": depth, "batches": 5 * depth, "took_0": depth} for depth in (2, 3))
    source = Metrics(lambda: {"valkey": fast, "postgresql": durable})

    for store, depth in (("valkey", 2), ("postgresql", 3)):
        assert depth == shown(source, "watchword_store_queue_depth", store=store)
        assert 5 * depth == shown(source, "watchword_store_batches_total", store=store)
        assert depth == shown(source, "watchword_store_batch_seconds_count", store=store)


def test_the_figures_of_one_store_are_summed_over_workers_and_the_other_is_left_alone(tmp_path: Path) -> None:
    here = Metrics(lambda: {"sqlite": {"batches": 1}, "valkey": {"batches": 7}}, tmp_path)
    in_another_process(tmp_path, 1)

    assert 11 == shown(here, "watchword_store_batches_total", store="sqlite")
    assert 7 == shown(here, "watchword_store_batches_total", store="valkey")


def test_label_values_that_callers_could_make_up_do_not_grow_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST", 5)
    source = counted()
    for number in range(50):
        source.record("http.request", ms=1, **(REQUEST | {"route": f"/{number}"}))
        source.record("http.request", ms=1, **(REQUEST | {"method": f"M{number}"}))
        source.record("delivery.failed", transport="", reason=f"r{number}")

    assert len(source.counts.requests) <= 6
    assert len(source.counts.seconds) <= 6
    assert len(source.counts.deliveries) <= 6
    assert 100 == shown(source, "watchword_http_requests_total")
    assert 50 == shown(source, "watchword_deliveries_total")


def test_no_label_is_a_verification_an_app_or_a_client() -> None:
    source = counted()
    source.record(
        "verification.created", verification="vf_secretly", app="ap_secretly", channel="email", purpose="login"
    )
    source.record("http.request", ms=1, **(REQUEST | {"app": "ap_secretly", "client": "192.0.2.1"}))

    text = source.render().decode()
    assert "secretly" not in text
    assert "192.0.2.1" not in text


# --- several workers -------------------------------------------------------------------------------


def test_workers_are_summed_whoever_is_asked(tmp_path: Path) -> None:
    here = counted(directory=tmp_path)
    here.record("http.request", ms=1, **REQUEST)
    in_another_process(tmp_path, 4)
    there = counted(directory=tmp_path)

    assert 5 == shown(here, "watchword_http_requests_total")
    assert 5 == shown(there, "watchword_http_requests_total")
    assert 5 == shown(there, "watchword_http_request_seconds_count")


def test_a_worker_that_died_keeps_its_counts_and_loses_its_gauges(tmp_path: Path) -> None:
    here = counted({"queue_depth": 2, "batches": 1}, tmp_path)
    in_another_process(tmp_path, 4, queued=30)

    assert 4 == shown(here, "watchword_http_requests_total")
    assert 11 == shown(here, "watchword_store_batches_total")
    assert 2 == shown(here, "watchword_store_queue_depth")
    assert 1 == shown(here, "watchword_workers")


def test_a_counter_never_goes_backwards_whoever_is_asked(tmp_path: Path) -> None:
    one, other = counted(directory=tmp_path), counted(directory=tmp_path)
    seen = []
    for _ in range(10):
        for asked in (one, other):
            one.record("http.request", ms=1, **REQUEST)
            other.record("http.request", ms=1, **REQUEST)
            seen.append(shown(asked, "watchword_http_requests_total"))

    assert sorted(seen) == seen


def test_a_file_that_cannot_be_read_does_not_break_the_others(tmp_path: Path) -> None:
    here = counted(directory=tmp_path)
    here.record("http.request", ms=1, **REQUEST)
    (tmp_path / "worker-broken.counts").write_bytes(b"\xc1")

    assert 1 == shown(here, "watchword_http_requests_total")


def test_a_directory_that_is_gone_does_not_break_a_scrape(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    here = counted(directory=directory)
    here.record("http.request", ms=1, **REQUEST)
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()

    assert 1 == shown(here, "watchword_http_requests_total")
