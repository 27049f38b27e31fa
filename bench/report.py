"""``bench/RESULTS.md``: the figures with what they are held against, and how they came about.

Not handled here: measuring. Nothing here decides whether a figure is good enough; the page says what was demanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench import pumping
from bench.browser import Shown
from bench.courier import Drained
from bench.footprint import Left, Started
from bench.guard import Costs
from bench.links import ALONE, CONTINUE, CYCLE, EXCHANGE, LINKED
from bench.load import BESIDE, CONNECTIONS, Loaded
from bench.profile import Profile
from bench.pumping import Outcome
from bench.requests import SECRETS
from bench.rows import Row, Summary, summarise
from bench.store import Rates
from bench.totp import Rates as Codes

MOST = max(CONNECTIONS)
MIXED = "create + check"
CHECKED = "authenticator: check, right"
R = "R"

HOW = """\
## How this was measured

- **Load** comes from another process over loopback (`bench/generator.py`): a closed loop on each of 64, 16 or 1 kept
  connections, raw bytes in and out on uvloop. It runs on the same cores; what it took of one core stands in each row.
- **R** is a plain ASGI function that decodes a body of a create request with msgspec and encodes a small answer, and
  nothing else, in the web server as it comes, under the service's own settings (`watchword.cli.serve.SERVER`). R,
  the mixed load and the secrets take turns, round by round; R gets the request bytes of a create.
- **create + check** is the mixed load: each connection asks for a verification and checks its code, in turns. Both are
  requests. The generator computes the codes from the key file, as only the operator can. It has a service and a
  database of its own, as in SCALE.md; once more it runs **among the others' rows**, on the database that all other
  loads fill. Until 2026-11-28 it ran there alone: older figures over 64 connections compare with that row, and those
  over 16 and 1 with none here.
- **A secret** is created by a stranger, without a key; then its parameters are asked for, it is claimed, and the claim
  is acknowledged, which erases it. Each of the four is a request. The generator seals one text at its start.
- **A link** is asked for with the code, continued by a stranger who proves that they have it, and exchanged by the app
  with the verifier. Each of the three is a request. What it adds to a create is measured between loads that say the
  same of the requester: one without a link, two with one, and one without, and in the next round the other way about.
- **Everything is on**: API keys, limits (each request has a recipient and a `requester.ip` of its own, so every bucket
  is looked up and written), the address sealed, the outbox row written, metrics counted, the access log written to a
  file, SQLite with `synchronous=FULL`. One worker with its scribe, the process that writes the file where there are two
  cores (docs/adr/0048); R is one process, which has nothing to write. Checks name `purpose` and `to`, as the SDK does.
- **The courier is paused** under load, and its rate is measured apart.
- **Before** the 100,000 are counted, 10,000 were made and purged, so that what a process takes once and keeps is no
  growth.
- **In the browser** the clock runs from the first input on an open page to the words that the link is on the clipboard;
  the file is sealed by the pages' own module, without a network.
- Figures are medians of rounds. Latencies are the client's. Server CPU is user and system time of worker and scribe
  from `/proc`, the threads for checkpoints and the log included. Memory is the worker's, and of the scribe's what it
  does not share.
- Rates move with the machine and with what else it does. Compare ratios.
"""


class Figures(msgspec.Struct, frozen=True):
    """Everything that was measured."""

    when: str
    command: str
    machine: list[tuple[str, str]]
    loaded: Loaded
    rates: Rates
    drained: Drained
    started: Started
    codes: Codes
    seen: Shown
    guarded: tuple[list[Outcome], Costs] | None = None


def write(figures: Figures) -> str:
    """The page."""
    summaries = summarise(figures.loaded.rows)
    parts = [
        f"# Results\n\nWritten by `{figures.command}` on {figures.when}. Do not edit: run it again.",
        _table(("Machine", ""), figures.machine),
        "## Against what was demanded\n\n" + _verdicts(figures, summaries),
        "## Requests\n\n" + _requests(summaries),
        "## Store alone\n\n" + _store(figures.rates),
        "## Courier\n\n" + _courier(figures.drained),
        "## Memory, disk, start\n\n" + _footprint(figures.loaded.left, figures.started),
        "## Where the time goes\n\n" + _profile(figures.loaded.profile),
        *(
            ()
            if figures.guarded is None
            else (guard_section(*figures.guarded, _find(summaries, ALONE, MOST).microseconds),)
        ),
        HOW.rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def guard_section(outcomes: list[Outcome], costs: Costs, whole: float) -> str:
    """What attacks by text cost, and what the guard does: as in ``bench/GUARD.md``, where its making is told."""
    return f"## The guard of texts\n\n{pumping.told(outcomes)}\n\n{pumping.cost(costs, whole)}"


def ratios(rows: Sequence[Row], connections: int, scenario: str = MIXED) -> list[float]:
    """A load in units of R, each round against the R that ran just before it."""
    mine, plain = (
        [row.rate for row in rows if (row.scenario, row.connections) == (each, connections)] for each in (scenario, R)
    )
    return [one / other for one, other in zip(mine, plain, strict=True)]


def _find(summaries: Sequence[Summary], scenario: str, connections: int) -> Summary:
    return next(each for each in summaries if (each.scenario, each.connections) == (scenario, connections))


def _authenticator_share(summaries: Sequence[Summary]) -> str:
    checks, plain = (_find(summaries, name, MOST) for name in (CHECKED, R))
    return f"{checks.rate / plain.rate:.2f} R"


def _verdicts(figures: Figures, summaries: Sequence[Summary]) -> str:
    mixed = _find(summaries, MIXED, MOST)
    spread = _of_r(figures, MIXED)
    share = median(ours / raw for ours, raw in zip(figures.rates.ours, figures.rates.raw, strict=True))
    left = figures.loaded.left
    before, _, purged = left.moments
    rows = [
        (f"{MIXED} over {MOST} connections", spread, "0.3 R, aim 0.4 R"),
        (f"{BESIDE}, over {MOST} connections", _of_r(figures, BESIDE), "0.3 R, aim 0.4 R"),
        (f"{SECRETS} over {MOST} connections", _of_r(figures, SECRETS), "0.3 R, aim 0.4 R"),
        (f"{CYCLE} over {MOST} connections", _of_r(figures, CYCLE), "0.3 R"),
        (f"{CONTINUE} over {MOST} connections", _of_r(figures, CONTINUE), "0.3 R"),
        (f"{EXCHANGE} over {MOST} connections", _of_r(figures, EXCHANGE), "0.3 R"),
        ("what a link adds to a create", _added(figures.loaded.rows), "under 5 %"),
        (f"checks of authenticators over {MOST} connections", _authenticator_share(summaries), "0.3 R"),
        ("its p99 against its p50", f"{mixed.p99 / mixed.p50:.1f} times", "under 5 times"),
        ("store alone against raw SQLite", f"{share:.2f}", "0.5"),
        ("`totp.verify` against pyotp's, a wrong code", f"{figures.codes.ratio:.1f} times", "3 times, aim 4"),
        ("open page to link on the clipboard, two inputs", f"{figures.seen.clipboard:.0f} ms", "under 1 s"),
        (
            f"a file of {figures.seen.mebibytes} MiB sealed in the browser",
            f"{median(figures.seen.sealing) / 1_000:.2f} s",
            "100 MiB under 3 s",
        ),
        ("resident at rest", f"{figures.started.resident:.0f} MiB", "under 80 MiB"),
        ("start to the first answer", f"{figures.started.milliseconds:.0f} ms", "under 1 s"),
        (
            f"after {left.verifications:,} verifications and their purge: rows, file, memory",
            f"{purged.rows:,}, {purged.file:.1f} MiB, {purged.resident:.0f} MiB",
            f"baseline: {before.rows:,}, {before.file:.1f} MiB, {before.resident:.0f} MiB",
        ),
    ]
    return _table(("What", "Measured", "Demanded"), rows)


def _of_r(figures: Figures, scenario: str) -> str:
    of_r = ratios(figures.loaded.rows, MOST, scenario)
    return f"{median(of_r):.2f} R (rounds: {min(of_r):.2f} to {max(of_r):.2f})"


def _added(rows: Sequence[Row]) -> str:
    """How much longer a create with a link takes, and how much more of the server's processors.

    Over all phases, because two of one kind differ by more than a link costs; each kind began equally often.
    """
    alone, linked = ([row for row in rows if row.scenario == each] for each in (ALONE, LINKED))
    took, cpu = (_of_one(linked, field) / _of_one(alone, field) - 1 for field in ("seconds", "server_cpu"))
    return f"{took:.1%} (over {len(alone)} phases of each; of processor time {cpu:.1%})"


def _of_one(rows: Sequence[Row], field: str) -> float:
    """A figure of one request, over all phases."""
    spent: float = sum(getattr(row, field) for row in rows)
    return spent / sum(row.requests for row in rows)


def _requests(summaries: Sequence[Summary]) -> str:
    head = ("Load", "Connections", "Requests/s", "p50 ms", "p99 ms", "Server CPU µs", "Generator's share", "Of R")
    rows = []
    for each in summaries:
        share = each.rate / _find(summaries, R, each.connections).rate
        latency = (f"{each.p50:.2f}", f"{each.p99:.2f}")
        cost = (f"{each.microseconds:.0f}", f"{each.own_share:.0%}", f"{share:.2f}")
        rows.append((each.scenario, str(each.connections), f"{each.rate:,.0f}", *latency, *cost))
    return _table(head, rows)


def _store(rates: Rates) -> str:
    rows = [
        ("`SqliteStore`, 64 tasks", f"{median(rates.ours):,.0f}"),
        (f"the same {rates.statements:.1f} statements an operation, batches of 64", f"{median(rates.raw):,.0f}"),
    ]
    return _table(("create and attempt, `synchronous=FULL`", "Operations/s"), rows)


def _courier(drained: Drained) -> str:
    own, there = (cpu / drained.seconds for cpu in (drained.own_cpu, drained.sink_cpu))
    rows = [
        ("messages/s into a TLS sink", f"{drained.messages / drained.seconds:,.0f}"),
        ("connections", str(drained.connections)),
        ("CPU µs a message, ours", f"{drained.own_cpu / drained.messages * 1e6:,.0f}"),
        ("share of one core: ours, the sink's", f"{own:.0%}, {there:.0%}"),
    ]
    return _table((f"{drained.messages:,} messages", ""), rows)


def _footprint(left: Left, started: Started) -> str:
    moments = [(moment.rows, moment.resident, moment.file) for moment in left.moments]
    shown = _table(
        ("", "Before", f"After {left.verifications:,} verifications", "After their purge"),
        [
            ("rows", *(f"{rows:,}" for rows, _, _ in moments)),
            ("file, MiB", *(f"{size:.1f}" for _, _, size in moments)),
            ("resident, MiB", *(f"{size:.1f}" for _, size, _ in moments)),
        ],
    )
    rows = [
        ("start on a new folder, with keys and tables to make, ms", f"{started.milliseconds:.0f}"),
        ("start on the same folder, ms", f"{started.again:.0f}"),
        ("resident at rest, MiB", f"{started.resident:.1f}"),
    ]
    purge = f"The purge took {left.purge_seconds:.1f} s, in steps between which requests are served."
    return "\n\n".join((shown, purge, _table(("`watchword serve`, one worker, with a relay", ""), rows)))


def _profile(profile: Profile) -> str:
    text = (
        f"Mixed load over {MOST} connections, py-spy. First who holds the interpreter lock, which is what limits a "
        f"worker ({profile.samples:,} samples), then with native frames, sleeping threads left out."
    )
    tables = [
        _table(("Share", "Owner: the innermost frame of ours or of uvicorn's"), _shares(profile.owners)),
        _table(("Share", "Function, self time"), _shares(profile.functions)),
        _table(("Share", "Native function, self time, and its owner"), _shares(profile.native)),
    ]
    if profile.scribe:
        tables.append(
            _table(("Share", "Of the scribe, a process of its own: function, self time"), _shares(profile.scribe))
        )
    return "\n\n".join((text, *tables))


def _shares(shares: Iterable[tuple[str, float]]) -> list[tuple[str, str]]:
    return [(f"{share:.1%}", f"`{name}`") for name, share in shares]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
