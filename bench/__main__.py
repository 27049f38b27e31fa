"""``python -m bench [--quick]``: run everything, print it, write ``bench/RESULTS.md``.

``--quick`` takes too few rounds to be quoted, so it writes to ``bench/out`` instead.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import browser, courier, footprint, load, machine, pumping, report, store, totp
from bench.children import call

HERE = Path(__file__).parent
OUT = HERE / "out"  # on the disk of the project: a folder in memory would make every commit free


def main(arguments: list[str]) -> None:
    """Run the bench."""
    assert set(arguments) <= {"--quick"}, "python -m bench [--quick]"
    quick = bool(arguments)
    OUT.mkdir(exist_ok=True)
    page = report.write(_measure(load.QUICK if quick else load.FULL, arguments))
    target = OUT / "quick.md" if quick else HERE / "RESULTS.md"
    target.write_text(page, encoding="utf-8")
    print(page)
    print(f"Written to {target}.")


def _measure(plan: load.Plan, arguments: list[str]) -> report.Figures:
    described = [*machine.describe(), ("Load average before", f"{machine.load_average():.2f}")]
    with tempfile.TemporaryDirectory(dir=OUT) as scratch:
        folder = Path(scratch)
        _say("start-up")
        started = footprint.start_up(folder, plan.starts)
        _say("the store alone")
        rates = call("bench.store", msgspec.json.encode(store.Order(plan.fewer, plan.store_verifications, scratch)))
        _say("codes of authenticators")
        codes = call("bench.totp", msgspec.json.encode(totp.Order(plan.fewer, 10_000)))
        _say("the browser")
        order = browser.Order(plan.fewer, plan.mebibytes, scratch)
        seen = msgspec.json.decode(call("bench.browser", msgspec.json.encode(order)), type=browser.Shown)
        _say("the courier")
        drained = call("bench.courier", msgspec.json.encode(courier.Order(plan.messages, scratch)))
        _say("the guard")
        quick = plan is load.QUICK
        costs = pumping.measured(plan.pairs, 400, folder)
        guarded = (pumping.rows(2_000 if quick else 50_000), costs)
        loaded = load.run(plan, folder, _say)
    return report.Figures(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        command=shlex.join(["python", "-m", "bench", *arguments]),
        machine=described,
        loaded=loaded,
        rates=msgspec.json.decode(rates, type=store.Rates),
        drained=msgspec.json.decode(drained, type=courier.Drained),
        started=started,
        codes=msgspec.json.decode(codes, type=totp.Rates),
        seen=seen,
        guarded=guarded,
    )


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
