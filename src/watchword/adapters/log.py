"""The log: one JSON object a line, buffered, to standard error.

Two ways lead in: ``Log.record`` (``ports.Audit``), for everything this product says, and ``LibraryLines``, a
handler for what libraries say through ``logging``.

Not handled here: who rotates and ships the lines (whoever runs the process), counting (``adapters/metrics.py``).

Rules:

* nothing waits for the reader of standard error: a thread writes, and when a reader stalls, lines are dropped and
  the number of dropped ones is the next thing written;
* a line that a full disk tore in two costs itself and no other;
* a line is one line: everything that is not printable ASCII is escaped, so that no value forges a line or turns
  the text around (C1 controls, bidirectional marks);
* of an exception that is not ours, type and places are written, never its text or values: those may hold anything.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec

from watchword.core.instant import Instant, rfc3339
from watchword.errors import WatchwordError
from watchword.ports import Clock

EVERY = 0.2  # seconds between writes
MOST = 20_000  # lines held while the reader stalls
FULL = 1_000  # lines after which the writer is woken early
AT_ONCE = 100  # lines encoded and written in one go
GRACE = 2.0  # seconds that close() waits for a stalled reader

# When, level, event and facts. Encoded where it is written: there many lines follow each other out of warm caches,
# while between requests each would cost three times as much.
Line = tuple[Instant, str, str, dict[str, object]]

RANKS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# Events that are not plain information. Everything else is "info".
LEVELS = {
    "courier.broke": "error",
    "courier.store_failed": "error",
    "purge.store_failed": "error",
    "rules.refused": "error",
    "worker.failed": "error",
    "scribe.lost": "error",
    "worker.replaced": "warning",
    "task.failed": "error",
    "keys.refused": "error",
    "keys.unchecked": "warning",
    "store.awaited": "warning",
    "http.failed": "error",
    "http.broke": "error",
    "http.unauthenticated": "warning",
    "http.key_in_query": "warning",
    "delivery.failed": "warning",
    "guard.allowed": "debug",
    "support.reset": "warning",
    "support.shown": "warning",
    "guard.blocked": "warning",
    "guard.challenged": "warning",
    "guard.quieted": "warning",
    "guard.monitored": "warning",
    "guard.signal_failed": "warning",
    "delivery.delayed": "warning",
    "notice.failed": "warning",
    "notice.delayed": "warning",
    "log.dropped": "warning",
    "verification.replayed": "debug",
    "verification.continued": "debug",  # every gateway that presses the button causes one
    "verification.exchange_replayed": "warning",
    "authenticator.tampered": "error",
    "address.tampered": "error",
    "reseal.failed": "error",
}


class Taker(Protocol):
    """Takes events whose facts are gathered already. It keeps them as they are, so nobody may change them."""

    def note(self, event: str, facts: dict[str, object]) -> None:
        """Take one event. Never raises and never waits."""
        ...


class Fanout:
    """Several takers as one audit (``ports.Audit``)."""

    def __init__(self, *takers: Taker) -> None:
        self._notes = tuple(taker.note for taker in takers)

    def record(self, event: str, /, **facts: object) -> None:
        for note in self._notes:
            note(event, facts)


class Log:
    """The log of this process. ``start`` begins writing; what is recorded before waits."""

    def __init__(self, clock: Clock, *, level: str = "info", write: Callable[[bytes], object] | None = None) -> None:
        self._now = clock.now
        self._least = RANKS[level]
        self._write = write or _Stderr().write
        self._lines: deque[Line] = deque()
        self._dropped = 0
        self._instant = -1
        self._text = ""
        self._encode_lines = msgspec.json.Encoder(enc_hook=_nameless).encode_lines
        self._wake = threading.Event()
        self._closing = False
        self._writer: threading.Thread | None = None

    def record(self, event: str, /, **facts: object) -> None:
        """Note one event; a microsecond, and nothing is written yet."""
        self.note(event, facts)

    def note(self, event: str, facts: dict[str, object]) -> None:
        """As ``record``."""
        level = LEVELS.get(event, "info")
        if RANKS[level] >= self._least:
            self.line(level, event, facts)

    def line(self, level: str, event: str, facts: dict[str, object]) -> None:
        """Note one line at a level that was already looked at."""
        lines = self._lines
        if len(lines) >= MOST:
            self._dropped += 1
            return
        lines.append((self._now(), level, event, facts))
        if len(lines) == FULL:
            self._wake.set()
        if self._closing:
            self.flush()

    def start(self) -> None:
        """Begin writing, from a thread of its own."""
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="watchword-log", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Write what is left; what comes later is written at once. A stalled reader is waited for, two seconds."""
        self._closing = True
        self._wake.set()
        if self._writer is None:
            self.flush()
            return
        self._writer.join(GRACE)
        self._writer = None

    def flush(self) -> None:
        """Write everything noted so far. Lines that cannot be written are counted and gone."""
        while True:
            lines = self._take()
            dropped, self._dropped = self._dropped, 0
            told: list[Line] = [(self._now(), "warning", "log.dropped", {"lines": dropped})] if dropped else []
            if not (lines or told):
                return
            try:
                self._write(self._written([self._fields(line) for line in (*lines, *told)]))
            except (OSError, ValueError, TypeError, RecursionError):  # unwritable, or nothing that JSON can say
                self._dropped += dropped + len(lines)
                return

    def _take(self) -> list[Line]:
        """The next lines, so few that encoding them keeps no request waiting."""
        lines: list[Line] = []
        with suppress(IndexError):
            while len(lines) < AT_ONCE:
                lines.append(self._lines.popleft())
        return lines

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(EVERY)
            self._wake.clear()
            self.flush()
        self.flush()

    def _fields(self, line: Line) -> dict[str, object]:
        at, level, event, facts = line
        if at != self._instant:  # writing a time costs as much as all the rest, and busy milliseconds have many lines
            self._instant, self._text = at, rfc3339(at)
        return {"at": self._text, "level": level, "event": event, **facts}

    def _written(self, lines: list[dict[str, object]]) -> bytes:
        """Nearly always all lines in one go; where one of them needs care, all of them take the patient encoder."""
        try:
            written = self._encode_lines(lines)
        except (ValueError, TypeError, RecursionError):
            written = b"\xff"  # a lone surrogate, say
        if written.isascii() and b"\x7f" not in written:
            return written
        return b"".join(map(_patiently, lines))


class LibraryLines(logging.Handler):
    """Puts what libraries log into ours."""

    def __init__(self, log: Log, level: str) -> None:
        super().__init__(RANKS[level])
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, object] = {"logger": record.name, "message": _message(record)}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            facts |= describe(error)
        self._log.line(record.levelname.lower(), "library", facts)


def listen_to_libraries(log: Log, level: str) -> None:
    """Make the log the only place libraries write to."""
    root = logging.getLogger()
    root.handlers = [LibraryLines(log, level)]
    # Below warning, libraries describe their own steps; they may do so when somebody asked for debug.
    root.setLevel(RANKS[level] if level != "info" else logging.WARNING)
    logging.getLogger("uvicorn").setLevel(RANKS[level])
    # Its steps are addresses, and a provider's has our account in it.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)


def describe(error: BaseException) -> dict[str, object]:
    """Describe an exception without its values: type, places, and the text only where it is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    facts: dict[str, object] = {
        "error": type(error).__name__,
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, WatchwordError):
        facts["detail"] = error.detail
    return facts


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().partition("\n")[0]
    except Exception:  # noqa: BLE001 (a library's wrong format string must not fail the request that logged it)
        return "(unreadable)"


def _patiently(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, default=_nameless).replace("\x7f", "\\u007f").encode() + b"\n"


def _nameless(value: object) -> str:
    return f"<{type(value).__name__}>"


class _Stderr:
    """Standard error, past Python's own buffer, in one go, so that lines of several workers do not mix."""

    def __init__(self) -> None:
        self._torn = False  # the last line has no end: a disk was full in the middle of it

    def write(self, content: bytes) -> None:
        """Write lines. What a full disk tore ends before they begin, so that it takes none of them along."""
        descriptor = 2
        with suppress(AttributeError, OSError, ValueError):
            descriptor = sys.stderr.fileno()
        content = b"\n" + content if self._torn else content
        while content:
            written = os.write(descriptor, content)
            self._torn = content[written - 1 : written] != b"\n"
            content = content[written:]
