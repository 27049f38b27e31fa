"""The log: one line an event, whatever is in it, and nobody waits for it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from tests.support.world import START, FrozenClock, Journal
from watchword.adapters import log
from watchword.adapters.log import Fanout, Log
from watchword.adapters.system import SystemClock
from watchword.core.instant import rfc3339
from watchword.errors import StoreError


class Sink:
    """Standard error, kept."""

    def __init__(self) -> None:
        self.content = b""
        self.fails = False

    def write(self, content: bytes) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        self.content += content

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.content.splitlines()]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def written(sink: Sink) -> Log:
    return Log(FrozenClock(), write=sink.write)


@pytest.fixture
def _quiet_afterwards() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    uvicorn_level = logging.getLogger("uvicorn").level
    yield
    root.handlers = before
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(uvicorn_level)


def test_an_event_is_one_line_with_time_level_and_facts(sink: Sink, written: Log) -> None:
    written.record("key.created", app="ap_x", count=2)
    written.flush()

    expected = {"at": rfc3339(START), "level": "info", "event": "key.created", "app": "ap_x", "count": 2}
    assert [expected] == sink.lines


def test_times_follow_the_clock(sink: Sink) -> None:
    clock = FrozenClock()
    written = Log(clock, write=sink.write)
    written.record("one")
    clock.move(1)
    written.record("two")
    written.flush()

    first, second = (str(line["at"]) for line in sink.lines)
    assert first.endswith(".000Z")
    assert second.endswith(".001Z")


def test_events_have_their_levels(sink: Sink, written: Log) -> None:
    for event in ("http.request", "delivery.failed", "courier.store_failed"):
        written.record(event)
    written.flush()

    assert ["info", "warning", "error"] == [line["level"] for line in sink.lines]


def test_what_is_below_the_level_is_not_written(sink: Sink) -> None:
    written = Log(FrozenClock(), level="warning", write=sink.write)
    written.record("http.request")
    written.record("delivery.failed")
    written.flush()

    assert ["delivery.failed"] == [line["event"] for line in sink.lines]


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\r\nb",
        '"},{"event":"forged"',
        "\x1b[2J",
        "\x85\x9b31m",
        "\u202egnp.exe",
        "\u2028",
        "\x00",
        "\x7f",
        "\ud800",
    ],
)
def test_no_value_forges_a_line_or_turns_the_text_around(sink: Sink, written: Log, value: str) -> None:
    written.record("http.request", route=value)
    written.flush()

    assert 1 == sink.content.count(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in sink.content[:-1])
    assert value == sink.lines[0]["route"]


def test_a_value_of_an_unknown_kind_shows_its_kind_alone(sink: Sink, written: Log) -> None:
    written.record("task.failed", error=ValueError("ann@example.com"))
    written.flush()

    assert "<ValueError>" == sink.lines[0]["error"]


def test_lines_that_cannot_be_written_are_counted_and_the_count_is_the_next_line(sink: Sink, written: Log) -> None:
    sink.fails = True
    written.record("one")
    written.record("two")
    written.flush()
    sink.fails = False
    written.flush()

    assert [("log.dropped", 2)] == [(line["event"], line["lines"]) for line in sink.lines]


def test_lines_that_were_counted_stay_counted_when_the_count_cannot_be_written_either(sink: Sink, written: Log) -> None:
    sink.fails = True
    for event in ("one", "two", "three"):
        written.record(event)
        written.flush()
    written.flush()
    sink.fails = False
    written.flush()

    assert [("log.dropped", 3)] == [(line["event"], line["lines"]) for line in sink.lines]


def test_a_line_that_was_torn_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as full:
        os.set_blocking(writing, False)
        room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
        monkeypatch.setattr("sys.stderr", full)
        written = Log(FrozenClock())
        for event in ("torn", "lost"):
            written.record(event, more="a" * room)
            written.flush()

        assert room == len(os.read(reading, 2 * room))
        for event in ("first", "second"):
            written.record(event)
            written.flush()
        full.close()
        torn, *lines = reader.read().splitlines()

    assert b"" == torn  # its end
    assert ["first", "log.dropped", "second"] == [json.loads(line)["event"] for line in lines]


def test_a_reader_that_stalls_holds_nobody_up() -> None:
    stalled, taken = threading.Event(), threading.Event()

    def stall(_content: bytes) -> None:
        taken.set()
        stalled.wait()  # without end: who waited for it would never come back

    written = Log(SystemClock(), write=stall)
    written.start()
    written.record("first")
    assert taken.wait(60)
    for _ in range(log.MOST + 10):
        written.record("http.request", route="/healthz")

    assert log.MOST == len(written._lines)
    assert 10 == written._dropped
    stalled.set()
    written.close()


def test_a_started_log_writes_by_itself() -> None:
    wrote = threading.Event()
    written = Log(SystemClock(), write=lambda _content: wrote.set())
    written.start()
    written.record("one")

    assert wrote.wait(60)
    written.close()


def test_closing_writes_what_is_left(sink: Sink) -> None:
    written = Log(FrozenClock(), write=sink.write)
    written.start()
    written.record("last")
    written.close()

    assert ["last"] == [line["event"] for line in sink.lines]


def test_what_comes_after_closing_is_written_at_once(sink: Sink) -> None:
    written = Log(FrozenClock(), write=sink.write)
    written.start()
    written.close()
    written.record("afterwards")

    assert ["afterwards"] == [line["event"] for line in sink.lines]


def test_without_another_place_lines_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    written = Log(FrozenClock())
    written.record("one")
    written.close()

    out, err = capfd.readouterr()
    assert "" == out
    assert "one" == json.loads(err)["event"]


@pytest.mark.usefixtures("_quiet_afterwards")
def test_what_libraries_log_is_a_line_too(sink: Sink, written: Log) -> None:
    log.listen_to_libraries(written, "info")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
    logging.getLogger("some.library").info("a step of no interest")
    logging.getLogger("some.library").warning("two\nlines")
    written.flush()

    assert [("uvicorn.error", "Started server process [1]"), ("some.library", "two")] == [
        (line["logger"], line["message"]) for line in sink.lines
    ]


@pytest.mark.usefixtures("_quiet_afterwards")
def test_an_exception_is_logged_without_its_values(sink: Sink, written: Log) -> None:
    log.listen_to_libraries(written, "info")
    address = "ann@example.com"
    try:
        int(address)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    written.flush()

    assert "ValueError" == sink.lines[0]["error"]
    assert address.encode() not in sink.content


def test_an_error_of_ours_is_described_with_its_text() -> None:
    described = log.describe(StoreError("disk I/O error"))

    assert ("StoreError", "disk I/O error") == (described["error"], described["detail"])


@pytest.mark.usefixtures("_quiet_afterwards")
def test_a_message_that_cannot_be_written_is_said_to_be_unreadable(sink: Sink, written: Log) -> None:
    log.listen_to_libraries(written, "info")
    logging.getLogger("some.library").warning("%d", "no number")
    written.flush()

    assert "(unreadable)" == sink.lines[0]["message"]


def test_a_fanout_tells_everybody() -> None:
    one, other = Journal(), Journal()
    Fanout(one, other).record("key.created", app="ap_x")

    assert [("key.created", {"app": "ap_x"})] == one.events == other.events
